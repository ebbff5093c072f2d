/** A process, safe against reuse of its pid. All fields but `pid` are opaque. */
export type ProcessIdentity = { pid: number; startTime: string; host: string; boot: string; namespace: string }
export declare const startTimeOf: (pid: number) => string
export declare const identityOf: (pid: number) => ProcessIdentity | undefined
export declare const processStatus: (identity: ProcessIdentity) => 'alive' | 'dead' | 'unknown'
