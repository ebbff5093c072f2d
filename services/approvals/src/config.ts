import { serviceEnvironment } from '@codex-bridge/service-kit'
import { type Static, Type } from 'typebox'

/** Environment of the approvals service. */
export const ApprovalsConfig = Type.Object({
  ...serviceEnvironment,
  BRIDGE_APPROVAL_EXPIRY_SEC: Type.Integer({
    default: 0,
    minimum: 0,
    description: 'An approval nobody decided is denied after this many seconds. 0 waits indefinitely, as Codex does.',
  }),
})
export type ApprovalsConfig = Static<typeof ApprovalsConfig>
