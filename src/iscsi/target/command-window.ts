import { serialAdd, serialBetween } from '../../base/serial.ts';

/** Commands that may be under way or on the wire at once in a session. */
export const COMMAND_WINDOW = 128;

/**
 * Command numbering (RFC 7143 section 4.2.2.1): commands are delivered in the order of CmdSN; one that comes early waits,
 * one outside the window is ignored. The window closes as commands start and opens as they end, so MaxCmdSN never
 * goes back.
 */
export class CommandWindow {
  expected: number;
  private active = 0;
  private readonly early = new Map<number, () => void>();

  constructor(firstCmdSn: number) {
    this.expected = firstCmdSn;
  }

  get maxCmdSn(): number {
    return serialAdd(this.expected, COMMAND_WINDOW - 1 - this.active);
  }

  admits(cmdSn: number): boolean {
    return serialBetween(cmdSn, this.expected, this.maxCmdSn) && !this.early.has(cmdSn);
  }

  /** Calls `deliver` once every command before `cmdSn` has been delivered; `admits(cmdSn)` must hold. */
  deliverInOrder(cmdSn: number, deliver: () => void): void {
    if (cmdSn !== this.expected) {
      this.early.set(cmdSn, deliver);
      return;
    }
    this.expected = serialAdd(this.expected, 1);
    deliver();
    const next = this.early.get(this.expected);
    if (!next) return;
    this.early.delete(this.expected);
    this.deliverInOrder(this.expected, next);
  }

  /** A delivered command takes a place until it ends. */
  commandStarted(): void {
    this.active += 1;
  }

  commandEnded(): void {
    this.active -= 1;
  }
}
