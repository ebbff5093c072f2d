/** Something else listens where the gateway should. */
export class PortTakenError extends Error {
  override readonly name = 'PortTakenError'

  constructor(port: number, host: string) {
    super(`Port ${port} on ${host} is taken by another program. Choose another: PORT=${port + 1} npm start`)
  }
}
