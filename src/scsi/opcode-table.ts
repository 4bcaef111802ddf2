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
  readonly lengthLimit?: 'transfer' | 'write-same' | 'compare-and-write' | 'atomic';
  /** Excludes all other commands on its blocks while it runs. */
  readonly atomic?: true;
  /**
   * What the unit must be able to promise: `stored-content`, that a READ returns what a WRITE stored; `exclusive`, also
   * that nobody reaches its blocks except through this device server; `deallocation`, that blocks can be given back;
   * `atomic-write`, that a write is done wholly or not at all, whatever interrupts it; `removable-medium`, that its medium
   * can be taken out; `erasable`, that nothing is left of what was ever stored; `encrypted`, also that all of it is
   * encrypted with a key that can be lost.
   */
  readonly demands?:
    | 'stored-content'
    | 'exclusive'
    | 'deallocation'
    | 'atomic-write'
    | 'removable-medium'
    | 'erasable'
    | 'encrypted';
  /** Executed although a unit attention is pending (SAM-5 5.14.1). */
  readonly ignoresAttention?: true;
  /** Executed also while the unit is being sanitized (SBC-3 4.11), or after that has failed. */
  readonly duringSanitize?: true | 'failed';
  /** Executed although another nexus holds an SPC-2 reservation (SPC-2 table 10, SBC-2 table 5). */
  readonly ignoresReservation?: true;
  /**
   * What a persistent reservation takes the command for (SPC-4 table 63, SBC-3 table 6): one that needs the right to
   * `read` or to `write`, or none (`free`); `cdb`, that depends on the CDB. The two methods of reservation exclude each
   * other: `spc2` commands conflict with any registration, `persistent` ones with any SPC-2 reservation.
   */
  readonly reservedAs: 'free' | 'read' | 'write' | 'cdb' | 'spc2' | 'persistent';
}

/** The 6-byte forms have no byte 1 flags. */
const READ6 = {
  effect: 'read',
  reservedAs: 'read',
  needsMedium: true,
  checksLba: true,
  lengthLimit: 'transfer',
} as const;
const READ = { ...READ6, hasProtect: true } as const;
const WRITE6 = { ...READ6, effect: 'write', reservedAs: 'write' } as const;
const WRITE = { ...WRITE6, hasProtect: true } as const;
/** VERIFY without a data phase may cover any length. */
const VERIFY = { effect: 'read', reservedAs: 'read', needsMedium: true, checksLba: true, hasProtect: true } as const;
const WRITE_SAME = { ...WRITE, lengthLimit: 'write-same', demands: 'stored-content' } as const;
const WRITE_AND_VERIFY = { ...WRITE, demands: 'stored-content' } as const;
const ATOMIC = { ...WRITE, atomic: true, demands: 'exclusive' } as const;
const CACHE = { effect: 'neutral', needsMedium: true, checksLba: true } as const;
const PLAIN = { effect: 'neutral', needsMedium: false } as const;
const ANYWHERE = {
  ...PLAIN,
  ignoresAttention: true,
  duringSanitize: true,
  ignoresReservation: true,
  reservedAs: 'free',
} as const;
const SPC2_RESERVATION = { ...PLAIN, demands: 'exclusive', reservedAs: 'spc2' } as const;
const PERSISTENT = { ...PLAIN, demands: 'exclusive', reservedAs: 'persistent' } as const;
const PERSISTENT_IN = { ...PERSISTENT, opcode: OPCODE.persistentReserveIn } as const;
const PERSISTENT_OUT = { ...PERSISTENT, opcode: OPCODE.persistentReserveOut } as const;
const CAPACITY = {
  effect: 'neutral',
  needsMedium: true,
  onNotReady: true,
  ignoresReservation: true,
  reservedAs: 'free',
} as const;
/** The copy manager reaches units itself and checks for each of them what a READ and a WRITE would be checked for. */
const COPY = { ...PLAIN, demands: 'stored-content', reservedAs: 'write' } as const;
const SANITIZE = {
  opcode: OPCODE.sanitize,
  effect: 'write',
  needsMedium: true,
  demands: 'erasable',
  duringSanitize: 'failed',
  reservedAs: 'write',
} as const;
const DEFECTS = { effect: 'neutral', needsMedium: true, reservedAs: 'read' } as const;

export const COMMANDS = {
  testUnitReady: {
    title: 'TEST UNIT READY',
    opcode: OPCODE.testUnitReady,
    usage: '000000000004',
    effect: 'neutral',
    needsMedium: true,
    reservedAs: 'free',
  },
  requestSense: { title: 'REQUEST SENSE', opcode: OPCODE.requestSense, usage: '03010000ff04', ...ANYWHERE },
  read6: { title: 'READ(6)', opcode: OPCODE.read6, usage: '081fffffff04', ...READ6 },
  write6: { title: 'WRITE(6)', opcode: OPCODE.write6, usage: '0a1fffffff04', ...WRITE6 },
  inquiry: { title: 'INQUIRY', opcode: OPCODE.inquiry, usage: '1201ffffff04', ...ANYWHERE },
  modeSelect6: {
    title: 'MODE SELECT(6)',
    opcode: OPCODE.modeSelect6,
    usage: '15110000ff04',
    ...PLAIN,
    reservedAs: 'write',
  },
  reserve6: { title: 'RESERVE(6)', opcode: OPCODE.reserve6, usage: '161100000004', ...SPC2_RESERVATION },
  release6: {
    title: 'RELEASE(6)',
    opcode: OPCODE.release6,
    usage: '171100000004',
    ...SPC2_RESERVATION,
    ignoresReservation: true,
  },
  modeSense6: {
    title: 'MODE SENSE(6)',
    opcode: OPCODE.modeSense6,
    usage: '1a08ffffff04',
    ...PLAIN,
    reservedAs: 'read',
  },
  startStopUnit: {
    title: 'START STOP UNIT',
    opcode: OPCODE.startStopUnit,
    usage: '1b000000f704',
    ...PLAIN,
    reservedAs: 'cdb',
  },
  preventAllowMediumRemoval: {
    title: 'PREVENT ALLOW MEDIUM REMOVAL',
    opcode: OPCODE.preventAllowMediumRemoval,
    usage: '1e0000000304',
    ...PLAIN,
    demands: 'removable-medium',
    reservedAs: 'cdb',
  },
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
  preFetch10: {
    title: 'PRE-FETCH(10)',
    opcode: OPCODE.preFetch10,
    usage: '3400ffffffff00ffff04',
    ...CACHE,
    reservedAs: 'read',
  },
  synchronizeCache10: {
    title: 'SYNCHRONIZE CACHE(10)',
    opcode: OPCODE.synchronizeCache10,
    usage: '3500ffffffff00ffff04',
    ...CACHE,
    reservedAs: 'write',
  },
  readDefectData10: {
    title: 'READ DEFECT DATA(10)',
    opcode: OPCODE.readDefectData10,
    usage: '37001f00000000ffff04',
    ...DEFECTS,
  },
  writeSame10: { title: 'WRITE SAME(10)', opcode: OPCODE.writeSame10, usage: '41feffffffff00ffff04', ...WRITE_SAME },
  unmap: {
    title: 'UNMAP',
    opcode: OPCODE.unmap,
    usage: '42010000000000ffff04',
    effect: 'write',
    reservedAs: 'write',
    needsMedium: true,
    demands: 'deallocation',
  },
  sanitizeOverwrite: {
    title: 'SANITIZE, OVERWRITE',
    serviceAction: SERVICE_ACTION.overwrite,
    usage: '48a10000000000ffff04',
    ...SANITIZE,
  },
  sanitizeBlockErase: {
    title: 'SANITIZE, BLOCK ERASE',
    serviceAction: SERVICE_ACTION.blockErase,
    usage: '48a20000000000ffff04',
    ...SANITIZE,
  },
  sanitizeCryptoErase: {
    title: 'SANITIZE, CRYPTO ERASE',
    serviceAction: SERVICE_ACTION.cryptoErase,
    usage: '48a30000000000ffff04',
    ...SANITIZE,
    demands: 'encrypted',
  },
  sanitizeExitFailureMode: {
    title: 'SANITIZE, EXIT FAILURE MODE',
    serviceAction: SERVICE_ACTION.exitFailureMode,
    usage: '481f0000000000ffff04',
    ...SANITIZE,
  },
  modeSelect10: {
    title: 'MODE SELECT(10)',
    opcode: OPCODE.modeSelect10,
    usage: '55110000000000ffff04',
    ...PLAIN,
    reservedAs: 'write',
  },
  modeSense10: {
    title: 'MODE SENSE(10)',
    opcode: OPCODE.modeSense10,
    usage: '5a18ffff000000ffff04',
    ...PLAIN,
    reservedAs: 'read',
  },
  readKeys: {
    title: 'PERSISTENT RESERVE IN, READ KEYS',
    serviceAction: SERVICE_ACTION.readKeys,
    usage: '5e000000000000ffff04',
    ...PERSISTENT_IN,
  },
  readReservation: {
    title: 'PERSISTENT RESERVE IN, READ RESERVATION',
    serviceAction: SERVICE_ACTION.readReservation,
    usage: '5e010000000000ffff04',
    ...PERSISTENT_IN,
  },
  reportCapabilities: {
    title: 'PERSISTENT RESERVE IN, REPORT CAPABILITIES',
    serviceAction: SERVICE_ACTION.reportCapabilities,
    usage: '5e020000000000ffff04',
    ...PERSISTENT_IN,
  },
  readFullStatus: {
    title: 'PERSISTENT RESERVE IN, READ FULL STATUS',
    serviceAction: SERVICE_ACTION.readFullStatus,
    usage: '5e030000000000ffff04',
    ...PERSISTENT_IN,
  },
  persistentRegister: {
    title: 'PERSISTENT RESERVE OUT, REGISTER',
    serviceAction: SERVICE_ACTION.register,
    usage: '5f00000000ffffffff04',
    ...PERSISTENT_OUT,
  },
  persistentReserve: {
    title: 'PERSISTENT RESERVE OUT, RESERVE',
    serviceAction: SERVICE_ACTION.reserve,
    usage: '5f01ff0000ffffffff04',
    ...PERSISTENT_OUT,
  },
  persistentRelease: {
    title: 'PERSISTENT RESERVE OUT, RELEASE',
    serviceAction: SERVICE_ACTION.release,
    usage: '5f02ff0000ffffffff04',
    ...PERSISTENT_OUT,
  },
  persistentClear: {
    title: 'PERSISTENT RESERVE OUT, CLEAR',
    serviceAction: SERVICE_ACTION.clear,
    usage: '5f03000000ffffffff04',
    ...PERSISTENT_OUT,
  },
  persistentPreempt: {
    title: 'PERSISTENT RESERVE OUT, PREEMPT',
    serviceAction: SERVICE_ACTION.preempt,
    usage: '5f04ff0000ffffffff04',
    ...PERSISTENT_OUT,
  },
  persistentPreemptAndAbort: {
    title: 'PERSISTENT RESERVE OUT, PREEMPT AND ABORT',
    serviceAction: SERVICE_ACTION.preemptAndAbort,
    usage: '5f05ff0000ffffffff04',
    ...PERSISTENT_OUT,
  },
  persistentRegisterAndIgnore: {
    title: 'PERSISTENT RESERVE OUT, REGISTER AND IGNORE EXISTING KEY',
    serviceAction: SERVICE_ACTION.registerAndIgnoreExistingKey,
    usage: '5f06000000ffffffff04',
    ...PERSISTENT_OUT,
  },
  persistentRegisterAndMove: {
    title: 'PERSISTENT RESERVE OUT, REGISTER AND MOVE',
    serviceAction: SERVICE_ACTION.registerAndMove,
    usage: '5f07000000ffffffff04',
    ...PERSISTENT_OUT,
  },
  extendedCopy: {
    title: 'EXTENDED COPY(LID1)',
    opcode: OPCODE.extendedCopy,
    serviceAction: SERVICE_ACTION.extendedCopyLid1,
    usage: '83000000000000000000ffffffff0004',
    ...COPY,
  },
  receiveCopyStatus: {
    title: 'RECEIVE COPY STATUS(LID1)',
    opcode: OPCODE.receiveCopyResults,
    serviceAction: SERVICE_ACTION.copyStatusLid1,
    usage: '8400ff00000000000000ffffffff0004',
    ...COPY,
  },
  receiveCopyOperatingParameters: {
    title: 'RECEIVE COPY OPERATING PARAMETERS',
    opcode: OPCODE.receiveCopyResults,
    serviceAction: SERVICE_ACTION.operatingParameters,
    usage: '84030000000000000000ffffffff0004',
    ...COPY,
  },
  read16: { title: 'READ(16)', opcode: OPCODE.read16, usage: '88f8ffffffffffffffffffffffff0004', ...READ },
  compareAndWrite: {
    title: 'COMPARE AND WRITE',
    opcode: OPCODE.compareAndWrite,
    usage: '89f8ffffffffffffffff000000ff0004',
    ...ATOMIC,
    lengthLimit: 'compare-and-write',
  },
  write16: { title: 'WRITE(16)', opcode: OPCODE.write16, usage: '8af8ffffffffffffffffffffffff0004', ...WRITE },
  orWrite16: { title: 'ORWRITE(16)', opcode: OPCODE.orWrite16, usage: '8bf8ffffffffffffffffffffffff0004', ...ATOMIC },
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
    reservedAs: 'read',
  },
  synchronizeCache16: {
    title: 'SYNCHRONIZE CACHE(16)',
    opcode: OPCODE.synchronizeCache16,
    usage: '9100ffffffffffffffffffffffff0004',
    ...CACHE,
    reservedAs: 'write',
  },
  writeSame16: {
    title: 'WRITE SAME(16)',
    opcode: OPCODE.writeSame16,
    usage: '93ffffffffffffffffffffffffff0004',
    ...WRITE_SAME,
  },
  writeAtomic16: {
    title: 'WRITE ATOMIC(16)',
    opcode: OPCODE.writeAtomic16,
    usage: '9cf8ffffffffffffffffffffffff0004',
    ...ATOMIC,
    lengthLimit: 'atomic',
    demands: 'atomic-write',
  },
  readCapacity16: {
    title: 'READ CAPACITY(16)',
    opcode: OPCODE.serviceActionIn16,
    serviceAction: SERVICE_ACTION.readCapacity16,
    usage: '9e100000000000000000ffffffff0004',
    ...CAPACITY,
  },
  getLbaStatus: {
    title: 'GET LBA STATUS',
    opcode: OPCODE.serviceActionIn16,
    serviceAction: SERVICE_ACTION.getLbaStatus,
    usage: '9e12ffffffffffffffffffffffff0004',
    effect: 'read',
    reservedAs: 'read',
    needsMedium: true,
    demands: 'deallocation',
  },
  reportLuns: { title: 'REPORT LUNS', opcode: OPCODE.reportLuns, usage: 'a000ff000000ffffffff0004', ...ANYWHERE },
  reportSupportedOperationCodes: {
    title: 'REPORT SUPPORTED OPERATION CODES',
    opcode: OPCODE.maintenanceIn,
    serviceAction: SERVICE_ACTION.reportSupportedOperationCodes,
    usage: 'a30c87ffffffffffffff0004',
    ...PLAIN,
    reservedAs: 'free',
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
  readDefectData12: {
    title: 'READ DEFECT DATA(12)',
    opcode: OPCODE.readDefectData12,
    usage: 'b71f00000000ffffffff0004',
    ...DEFECTS,
  },
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
