import type {
  CommandExecParams,
  CommandExecResponse,
  CommandExecTerminateParams,
  GetAccountParams,
  GetAccountResponse,
  InitializeParams,
  InitializeResponse,
  TurnInterruptParams,
  TurnStartParams,
  TurnSteerParams,
  TurnSteerResponse,
} from '../generated/requests.ts'
import type {
  ThreadBackgroundTerminalsCleanParams,
  ThreadReadParams,
  ThreadResumeParams,
  ThreadResumeResponse,
  ThreadSetNameParams,
  ThreadStartParams,
} from '../generated/thread-requests.ts'
import type { Thread } from '../generated/threads.ts'
import type { Turn } from '../generated/turns.ts'
import { isObject, isText, type JsonObject, type Relied } from './json-shape.ts'

/** What the bridge reads of a thread. `cwd` is sure only where the thread was just loaded. */
export type CodexThread = Relied<Thread, 'id', 'cwd' | 'name' | 'originator' | 'path' | 'parentThreadId' | 'agentNickname' | 'agentRole'>

/** A thread that the process has loaded, with the settings that apply to it. */
export type LoadedThreadResult = Relied<ThreadResumeResponse, 'cwd' | 'approvalPolicy' | 'sandbox'> & { thread: CodexThread }

type Method<Params, Result> = { params: Params; result: Result }

/**
 * The app-server requests the bridge makes: parameters as the pinned version defines them, results by what the bridge reads of
 * them. Everything else goes through `RpcPeer.request`.
 */
type CodexMethods = {
  initialize: Method<InitializeParams, Relied<InitializeResponse, 'userAgent', 'codexHome'>>
  'thread/start': Method<ThreadStartParams, LoadedThreadResult>
  'thread/resume': Method<ThreadResumeParams, LoadedThreadResult>
  'thread/read': Method<ThreadReadParams, { thread: CodexThread }>
  'thread/name/set': Method<ThreadSetNameParams, unknown>
  'thread/backgroundTerminals/clean': Method<ThreadBackgroundTerminalsCleanParams, unknown>
  'turn/start': Method<TurnStartParams, { turn: Relied<Turn, 'id'> }>
  'turn/steer': Method<TurnSteerParams, Relied<TurnSteerResponse, 'turnId'>>
  'turn/interrupt': Method<TurnInterruptParams, unknown>
  'command/exec': Method<CommandExecParams, Relied<CommandExecResponse, 'exitCode' | 'stdout' | 'stderr'>>
  'command/exec/terminate': Method<CommandExecTerminateParams, unknown>
  'account/read': Method<GetAccountParams, Relied<GetAccountResponse, never, 'account' | 'requiresOpenaiAuth'>>
}

export type CodexMethod = keyof CodexMethods
export type CodexParams<M extends CodexMethod> = CodexMethods[M]['params']
export type CodexResult<M extends CodexMethod> = CodexMethods[M]['result']

const hasThread = ({ thread }: JsonObject): boolean => isObject(thread) && isText(thread['id'])
const isLoadedThread = (result: JsonObject): boolean =>
  hasThread(result) && isText(result['cwd']) && isObject(result['sandbox']) && isText(result['sandbox']['type'])
const isAcknowledgement = (): boolean => true

/** By method, whether a result has the fields that are sure. Further fields are never an error: versions differ in them. */
const SHAPES: { readonly [M in CodexMethod]: (result: JsonObject) => boolean } = {
  initialize: ({ userAgent }) => isText(userAgent),
  'thread/start': isLoadedThread,
  'thread/resume': isLoadedThread,
  'thread/read': hasThread,
  'thread/name/set': isAcknowledgement,
  'thread/backgroundTerminals/clean': isAcknowledgement,
  'turn/start': ({ turn }) => isObject(turn) && isText(turn['id']),
  'turn/steer': ({ turnId }) => isText(turnId),
  'turn/interrupt': isAcknowledgement,
  'command/exec': ({ exitCode, stdout, stderr }) => typeof exitCode === 'number' && isText(stdout) && isText(stderr),
  'command/exec/terminate': isAcknowledgement,
  'account/read': isAcknowledgement,
}

export const CODEX_METHODS = Object.keys(SHAPES) as readonly CodexMethod[]

/** Whether a result has the fields the bridge reads. */
export const isCodexResult = <M extends CodexMethod>(method: M, result: unknown): result is CodexResult<M> =>
  isObject(result) && SHAPES[method](result)
