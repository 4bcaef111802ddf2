import { serialAdd, serialLess, serialLessOrEqual } from '../base/serial.ts';

/** The command window (RFC 7143 section 4.2.2.1): which CmdSN comes next, and up to which the target takes commands. */
export interface CommandWindow {
  /** Of the next command, and of every immediate request meanwhile. */
  readonly next: number;
  /** Whether the target takes another command now. */
  isOpen(): boolean;
  /** Uses up one CmdSN. */
  take(): number;
  /** Whether the target has said that it has taken the command with this number. */
  isUsed(cmdSn: number): boolean;
  /** From every PDU of the target; values that contradict each other or are older than what is known are ignored. */
  update(expCmdSn: number, maxCmdSn: number): void;
}

export function createCommandWindow(first: number): CommandWindow {
  let next = first >>> 0;
  let maximum = serialAdd(next, -1);
  let expected = next;
  return {
    get next() {
      return next;
    },
    isOpen: () => serialLessOrEqual(next, maximum),
    take() {
      const taken = next;
      next = serialAdd(next, 1);
      return taken;
    },
    isUsed: (cmdSn) => serialLess(cmdSn, expected),
    update(expCmdSn, maxCmdSn) {
      if (serialLess(maxCmdSn, serialAdd(expCmdSn, -1))) return;
      if (serialLess(maximum, maxCmdSn)) maximum = maxCmdSn;
      if (serialLess(expected, expCmdSn)) expected = expCmdSn;
    },
  };
}
