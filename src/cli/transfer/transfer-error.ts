/** A transfer that a failure cut short, with how far it had come. */
export class TransferError extends Error {
  override readonly name = 'TransferError';
  readonly verb: string;
  readonly doneBytes: number;
  readonly totalBytes: number;
  /**
   * The destination is known not to be whole, and says so: whether the last WRITE was done makes no difference any more, only what
   * ended the transfer does.
   */
  readonly marked: boolean;

  constructor(cause: unknown, verb: string, doneBytes: number, totalBytes: number, marked = false) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.verb = verb;
    this.doneBytes = doneBytes;
    this.totalBytes = totalBytes;
    this.marked = marked;
  }
}
