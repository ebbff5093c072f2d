import { expect, it } from 'vitest'
import { SERVER_REQUEST_METHODS } from '../generated/methods.ts'
import { isApprovalMethod } from './approvals.ts'

it('names five approvals, all known to the pinned version', () => {
  expect(SERVER_REQUEST_METHODS.filter(isApprovalMethod)).toEqual([
    'item/commandExecution/requestApproval',
    'item/fileChange/requestApproval',
    'item/permissions/requestApproval',
    'item/tool/requestUserInput',
    'mcpServer/elicitation/request',
  ])
  expect(isApprovalMethod('item/tool/call')).toBe(false)
})
