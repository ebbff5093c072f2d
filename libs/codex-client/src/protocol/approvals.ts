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
} from '../generated/index.ts'

/** The five server requests a person decides on: method → what the server asks and what it wants back. */
export interface ApprovalMethods {
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

const APPROVAL_METHODS: ReadonlySet<string> = new Set<ApprovalMethod>([
  'item/commandExecution/requestApproval',
  'item/fileChange/requestApproval',
  'item/permissions/requestApproval',
  'item/tool/requestUserInput',
  'mcpServer/elicitation/request',
])

/** True when a server request of this method waits for a person. */
export function isApprovalMethod(method: string): method is ApprovalMethod {
  return APPROVAL_METHODS.has(method)
}
