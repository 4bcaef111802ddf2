/** What happened to one interface block; for stories and audits, never for decisions. */
export interface BlockEvent {
  /**
   * `sent`: a WRITE of the request was accepted; `answered`: its complete answer was read; `conflict`: the slot was
   * another's; `retry`: the same request is sent again; `path-switched`: from now on through `path`.
   */
  readonly kind: 'sent' | 'answered' | 'conflict' | 'retry' | 'path-switched';
  /** Configuration name. */
  readonly array: string;
  readonly path: string;
  /** -1 where no slot is concerned. */
  readonly slot: number;
  readonly process: string;
  readonly processNumber: number;
  readonly requestId: string;
  /** `answered`: name of the status. */
  readonly status?: string;
  /** `answered`: milliseconds since the call began. */
  readonly elapsedMs?: number;
  /** Why, in words. */
  readonly detail?: string;
}
