import { serviceEnvironment } from '@codex-bridge/service-kit'
import { type Static, Type } from 'typebox'

/** Environment of the approvals service. */
export const ApprovalsConfig = Type.Object({
  ...serviceEnvironment,
  /** Seconds after which an undecided approval is denied; 0 waits for ever, as Codex does. */
  BRIDGE_APPROVAL_EXPIRY_SEC: Type.Integer({ default: 0, minimum: 0 }),
})
export type ApprovalsConfig = Static<typeof ApprovalsConfig>
