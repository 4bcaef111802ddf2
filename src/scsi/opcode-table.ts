import { fromHex } from '../base/bytes.ts';
import { cdbLength, OPCODE, SERVICE_ACTION } from './opcode.ts';

/**
 * What a device server must know of each command before it runs it. This table is the dispatcher, REPORT SUPPORTED
 * OPERATION CODES and the order of checks in one: a command that is absent is INVALID COMMAND OPERATION CODE.
 */
export interface CommandFacts {
  readonly title: string;
  readonly opcode: number;
  /** In the low 5 bits of byte 1. */
  readonly serviceAction?: number;
  /**
   * CDB usage data (SPC-4 6.35.3) in hex: a bit is set where the device server evaluates it. Byte 0 and the service
   * action hold their values. 04h in the CONTROL byte: NACA is refused.
   */
  readonly usage: string;
  readonly effect: 'read' | 'write' | 'neutral';
  /** Refused where there is no medium, and on a unit that is not ready unless `onNotReady` is set. */
  readonly needsMedium: boolean;
  readonly onNotReady?: true;
  /** LBA and length are checked against the capacity. */
  readonly checksLba?: true;
  /** Bits 7 to 5 of byte 1 are a PROTECT field that must be 0. */
  readonly hasProtect?: true;
  /** Which limit of VPD page B0h the length is held against. */
  readonly lengthLimit?: 'transfer' | 'write-same' | 'compare-and-write';
  /** Excludes all other commands on its blocks while it runs. */
  readonly atomic?: true;
  /**
   * What the unit must be able to promise: `stored-content`, that a READ returns what a WRITE stored; `exclusive`, also
   * that nobody reaches its blocks except through this device server.
   */
  readonly demands?: 'stored-content' | 'exclusive';
  /** Executed although a unit attention is pending (SAM-5 5.14.1). */
  readonly ignoresAttention?: true;
  /** Executed although another nexus holds an SPC-2 reservation (SPC-2 table 10, SBC-2 table 5). */
  readonly ignoresReservation?: true;
}

const READ = { effect: 'read', needsMedium: true, checksLba: true, hasProtect: true, lengthLimit: 'transfer' } as const;
const WRITE = {
  effect: 'write',
  needsMedium: true,
  checksLba: true,
  hasProtect: true,
  lengthLimit: 'transfer',
} as const;
/** The 6-byte forms have no byte 1 flags. */
const READ6 = { effect: 'read', needsMedium: true, checksLba: true, lengthLimit: 'transfer' } as const;
const WRITE6 = { effect: 'write', needsMedium: true, checksLba: true, lengthLimit: 'transfer' } as const;
/** VERIFY without a data phase may cover any length. */
const VERIFY = { effect: 'read', needsMedium: true, checksLba: true, hasProtect: true } as const;
const WRITE_SAME = { ...WRITE, lengthLimit: 'write-same', demands: 'stored-content' } as const;
const WRITE_AND_VERIFY = { ...WRITE, demands: 'stored-content' } as const;
const CACHE = { effect: 'neutral', needsMedium: true, checksLba: true } as const;
const ANYWHERE = { effect: 'neutral', needsMedium: false, ignoresAttention: true, ignoresReservation: true } as const;
const PLAIN = { effect: 'neutral', needsMedium: false } as const;
const CAPACITY = { effect: 'neutral', needsMedium: true, onNotReady: true, ignoresReservation: true } as const;

export const COMMANDS = {
  testUnitReady: {
    title: 'TEST UNIT READY',
    opcode: OPCODE.testUnitReady,
    usage: '000000000004',
    effect: 'neutral',
    needsMedium: true,
  },
  requestSense: { title: 'REQUEST SENSE', opcode: OPCODE.requestSense, usage: '03010000ff04', ...ANYWHERE },
  read6: { title: 'READ(6)', opcode: OPCODE.read6, usage: '081fffffff04', ...READ6 },
  write6: { title: 'WRITE(6)', opcode: OPCODE.write6, usage: '0a1fffffff04', ...WRITE6 },
  inquiry: { title: 'INQUIRY', opcode: OPCODE.inquiry, usage: '1201ffffff04', ...ANYWHERE },
  modeSelect6: { title: 'MODE SELECT(6)', opcode: OPCODE.modeSelect6, usage: '15110000ff04', ...PLAIN },
  reserve6: { title: 'RESERVE(6)', opcode: OPCODE.reserve6, usage: '161100000004', ...PLAIN, demands: 'exclusive' },
  release6: {
    title: 'RELEASE(6)',
    opcode: OPCODE.release6,
    usage: '171100000004',
    ...PLAIN,
    demands: 'exclusive',
    ignoresReservation: true,
  },
  modeSense6: { title: 'MODE SENSE(6)', opcode: OPCODE.modeSense6, usage: '1a08ffffff04', ...PLAIN },
  startStopUnit: { title: 'START STOP UNIT', opcode: OPCODE.startStopUnit, usage: '1b000000f304', ...PLAIN },
  readCapacity10: {
    title: 'READ CAPACITY(10)',
    opcode: OPCODE.readCapacity10,
    usage: '25000000000000000004',
    ...CAPACITY,
  },
  read10: { title: 'READ(10)', opcode: OPCODE.read10, usage: '28f8ffffffff00ffff04', ...READ },
  write10: { title: 'WRITE(10)', opcode: OPCODE.write10, usage: '2af8ffffffff00ffff04', ...WRITE },
  writeAndVerify10: {
    title: 'WRITE AND VERIFY(10)',
    opcode: OPCODE.writeAndVerify10,
    usage: '2ef6ffffffff00ffff04',
    ...WRITE_AND_VERIFY,
  },
  verify10: { title: 'VERIFY(10)', opcode: OPCODE.verify10, usage: '2ff6ffffffff00ffff04', ...VERIFY },
  preFetch10: { title: 'PRE-FETCH(10)', opcode: OPCODE.preFetch10, usage: '3400ffffffff00ffff04', ...CACHE },
  synchronizeCache10: {
    title: 'SYNCHRONIZE CACHE(10)',
    opcode: OPCODE.synchronizeCache10,
    usage: '3500ffffffff00ffff04',
    ...CACHE,
  },
  writeSame10: { title: 'WRITE SAME(10)', opcode: OPCODE.writeSame10, usage: '41f8ffffffff00ffff04', ...WRITE_SAME },
  modeSelect10: { title: 'MODE SELECT(10)', opcode: OPCODE.modeSelect10, usage: '55110000000000ffff04', ...PLAIN },
  modeSense10: { title: 'MODE SENSE(10)', opcode: OPCODE.modeSense10, usage: '5a18ffff000000ffff04', ...PLAIN },
  read16: { title: 'READ(16)', opcode: OPCODE.read16, usage: '88f8ffffffffffffffffffffffff0004', ...READ },
  compareAndWrite: {
    title: 'COMPARE AND WRITE',
    opcode: OPCODE.compareAndWrite,
    usage: '89f8ffffffffffffffff000000ff0004',
    ...WRITE,
    lengthLimit: 'compare-and-write',
    atomic: true,
    demands: 'exclusive',
  },
  write16: { title: 'WRITE(16)', opcode: OPCODE.write16, usage: '8af8ffffffffffffffffffffffff0004', ...WRITE },
  writeAndVerify16: {
    title: 'WRITE AND VERIFY(16)',
    opcode: OPCODE.writeAndVerify16,
    usage: '8ef6ffffffffffffffffffffffff0004',
    ...WRITE_AND_VERIFY,
  },
  verify16: { title: 'VERIFY(16)', opcode: OPCODE.verify16, usage: '8ff6ffffffffffffffffffffffff0004', ...VERIFY },
  preFetch16: {
    title: 'PRE-FETCH(16)',
    opcode: OPCODE.preFetch16,
    usage: '9000ffffffffffffffffffffffff0004',
    ...CACHE,
  },
  synchronizeCache16: {
    title: 'SYNCHRONIZE CACHE(16)',
    opcode: OPCODE.synchronizeCache16,
    usage: '9100ffffffffffffffffffffffff0004',
    ...CACHE,
  },
  writeSame16: {
    title: 'WRITE SAME(16)',
    opcode: OPCODE.writeSame16,
    usage: '93f9ffffffffffffffffffffffff0004',
    ...WRITE_SAME,
  },
  readCapacity16: {
    title: 'READ CAPACITY(16)',
    opcode: OPCODE.serviceActionIn16,
    serviceAction: SERVICE_ACTION.readCapacity16,
    usage: '9e100000000000000000ffffffff0004',
    ...CAPACITY,
  },
  reportLuns: { title: 'REPORT LUNS', opcode: OPCODE.reportLuns, usage: 'a000ff000000ffffffff0004', ...ANYWHERE },
  reportSupportedOperationCodes: {
    title: 'REPORT SUPPORTED OPERATION CODES',
    opcode: OPCODE.maintenanceIn,
    serviceAction: SERVICE_ACTION.reportSupportedOperationCodes,
    usage: 'a30c87ffffffffffffff0004',
    ...PLAIN,
  },
  read12: { title: 'READ(12)', opcode: OPCODE.read12, usage: 'a8f8ffffffffffffffff0004', ...READ },
  write12: { title: 'WRITE(12)', opcode: OPCODE.write12, usage: 'aaf8ffffffffffffffff0004', ...WRITE },
  writeAndVerify12: {
    title: 'WRITE AND VERIFY(12)',
    opcode: OPCODE.writeAndVerify12,
    usage: 'aef6ffffffffffffffff0004',
    ...WRITE_AND_VERIFY,
  },
  verify12: { title: 'VERIFY(12)', opcode: OPCODE.verify12, usage: 'aff6ffffffffffffffff0004', ...VERIFY },
} as const satisfies Readonly<Record<string, CommandFacts>>;

export type CommandName = keyof typeof COMMANDS;

export interface Command extends CommandFacts {
  readonly name: CommandName;
}

/** In ascending order of operation code. */
export const COMMAND_LIST: readonly Command[] = Object.entries(COMMANDS).map(([name, facts]) => ({
  ...(facts as CommandFacts),
  name: name as CommandName,
}));

const BY_OPCODE = indexed();

/** Checks the table when the module loads. */
function indexed(): readonly (readonly Command[])[] {
  const table: Command[][] = Array.from({ length: 256 }, () => []);
  for (const command of COMMAND_LIST) {
    const usage = fromHex(command.usage);
    if (usage.length !== cdbLength(command.opcode))
      throw new Error(`${command.title}: usage data of ${usage.length} bytes`);
    if (usage[0] !== command.opcode) throw new Error(`${command.title}: usage data names another operation code`);
    if ((usage[1]! & 0x1f) !== command.serviceAction && command.serviceAction !== undefined) {
      throw new Error(`${command.title}: usage data names another service action`);
    }
    const row = table[command.opcode]!;
    const shared = row.some(
      (other) => other.serviceAction === command.serviceAction || other.serviceAction === undefined,
    );
    if (shared || (row.length > 0 && command.serviceAction === undefined))
      throw new Error(`${command.title} stands twice`);
    row.push(command);
  }
  return table;
}

/** All commands of an operation code: several only where they differ in their service action. */
export function commandsOf(opcode: number): readonly Command[] {
  return BY_OPCODE[opcode] ?? [];
}

export type Lookup = Command | 'unknown-opcode' | 'unknown-service-action';

/** The command that a CDB means. */
export function lookUpCommand(cdb: Uint8Array): Lookup {
  const candidates = commandsOf(cdb[0] ?? 0xff);
  const first = candidates[0];
  if (first === undefined) return 'unknown-opcode';
  if (first.serviceAction === undefined) return first;
  const serviceAction = (cdb[1] ?? 0) & 0x1f;
  return candidates.find((command) => command.serviceAction === serviceAction) ?? 'unknown-service-action';
}
