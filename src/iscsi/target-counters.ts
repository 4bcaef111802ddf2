import { readU32, writeU32 } from '../base/bytes.ts';
import { AT } from './header.ts';

/** The three counters that nearly every target PDU carries. */
export interface TargetCounters {
  readonly statSn: number;
  readonly expCmdSn: number;
  readonly maxCmdSn: number;
}

export function writeCounters(header: Uint8Array, counters: TargetCounters): void {
  writeU32(header, AT.statSn, counters.statSn);
  writeU32(header, AT.expCmdSn, counters.expCmdSn);
  writeU32(header, AT.maxCmdSn, counters.maxCmdSn);
}

export function countersOf(header: Uint8Array): TargetCounters {
  return {
    statSn: readU32(header, AT.statSn),
    expCmdSn: readU32(header, AT.expCmdSn),
    maxCmdSn: readU32(header, AT.maxCmdSn),
  };
}
