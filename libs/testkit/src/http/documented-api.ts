import { type ApiClient, type ApiResponse, api, clientFrom } from './http-client.ts'
import { type OpenApiDocument, ResponseChecker } from './response-checker.ts'

/** As documented, for a new client of one server. */
export const documentedApi = (baseUrl: string): Promise<ApiClient> => documented(api(baseUrl))

/**
 * Makes a client check every response against the OpenAPI document of its server, which is read from `/openapi/json` first. A
 * request whose response differs from the document rejects.
 */
export const documented = async (client: ApiClient): Promise<ApiClient> => {
  const { body: document } = await client.get<OpenApiDocument>('/openapi/json')
  const checker = new ResponseChecker(document)
  const checked = async <T>(method: string, path: string, sent: Promise<ApiResponse<T>>): Promise<ApiResponse<T>> => {
    const response = await sent
    const problems = checker.problemsOf(method, path, response)
    if (problems.length === 0) return response
    throw new Error(`${method} ${path} differs from /openapi/json: ${problems.join('; ')}\n${response.text.slice(0, 1500)}`)
  }
  return clientFrom(
    (method, path, options) => checked(method, path, client.raw(method, path, options)),
    () => client.close(),
  )
}
