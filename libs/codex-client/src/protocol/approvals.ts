import type {
  CommandExecutionRequestApprovalParams,
  CommandExecutionRequestApprovalResponse,
  FileChangeRequestApprovalParams,
  FileChangeRequestApprovalResponse,
  McpServerElicitationRequestParams,
  McpServerElicitationRequestResponse,
  PermissionsRequestApprovalParams,
  PermissionsRequestApprovalResponse,
  ToolRequestUserInputParams,
  ToolRequestUserInputResponse,
} from '../generated/approvals.ts'

/** The five server requests a person decides on: what Codex asks, and the answer it expects. */
export type ApprovalMethods = {
  'item/commandExecution/requestApproval': {
    params: CommandExecutionRequestApprovalParams
    result: CommandExecutionRequestApprovalResponse
  }
  'item/fileChange/requestApproval': { params: FileChangeRequestApprovalParams; result: FileChangeRequestApprovalResponse }
  'item/permissions/requestApproval': { params: PermissionsRequestApprovalParams; result: PermissionsRequestApprovalResponse }
  'item/tool/requestUserInput': { params: ToolRequestUserInputParams; result: ToolRequestUserInputResponse }
  'mcpServer/elicitation/request': { params: McpServerElicitationRequestParams; result: McpServerElicitationRequestResponse }
}

export type ApprovalMethod = keyof ApprovalMethods

/** An answer to any of them. */
export type ApprovalResult = ApprovalMethods[ApprovalMethod]['result']

/** By method, the answer that grants nothing. */
export const DECLINED: { readonly [M in ApprovalMethod]: ApprovalMethods[M]['result'] } = {
  'item/commandExecution/requestApproval': { decision: 'decline' },
  'item/fileChange/requestApproval': { decision: 'decline' },
  'item/permissions/requestApproval': { permissions: {}, scope: 'turn' },
  'item/tool/requestUserInput': { answers: {} },
  'mcpServer/elicitation/request': { action: 'decline', content: null, _meta: null },
}

/** True when a server request of this method waits for a person. */
export const isApprovalMethod = (method: string): method is ApprovalMethod => Object.hasOwn(DECLINED, method)
