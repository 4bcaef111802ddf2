/** A transfer that a failure cut short, with how far it had come. */
export class TransferError extends Error {
  override readonly name = 'TransferError';
  readonly verb: string;
  readonly doneBytes: number;
  readonly totalBytes: number;

  constructor(cause: unknown, verb: string, doneBytes: number, totalBytes: number) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.verb = verb;
    this.doneBytes = doneBytes;
    this.totalBytes = totalBytes;
  }
}
