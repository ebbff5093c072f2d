import { configurationPage } from './configuration/configuration-page.ts'
import { protocolPage } from './protocol/protocol-page.ts'

/** A generated page: its path from the root of the repository, and its text. */
type Page = { path: string; render: () => string }

export const PAGES: readonly Page[] = [
  { path: 'docs/operations/configuration.md', render: configurationPage },
  { path: 'docs/protocol.md', render: protocolPage },
]
