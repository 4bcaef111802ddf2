import type { Access, VolumeKind } from '../interface-block/process-table.ts';
import type { FarUnit } from './far/far-unit.ts';
import type { Sanitizer } from './sanitize/sanitizer.ts';

/**
 * What the channel (the SCSI device server) sees of a LUN, whatever it is: a volume, a virtual volume, a journal, a
 * command device. Addresses are blocks of `blockSize` bytes; the channel has checked them against `blockCount`.
 * Methods reject with `ScsiFault` where the command must end with another status than GOOD.
 */
export interface LogicalUnit {
  readonly lun: number;
  readonly kind: VolumeKind;
  readonly name: string;
  /** Unit serial number (VPD 80h), printable ASCII. */
  readonly serial: string;
  /** NAA IEEE registered extended designator, 16 bytes, stable for the life of the volume (VPD 83h). */
  readonly worldWideName: Uint8Array;
  readonly blockSize: number;
  readonly blockCount: number;
  /** Bytes in a physical block, where that is not `blockSize` (LBPPBE): a write of whole ones costs least. */
  readonly physicalBlockSize?: number;
  /** Hosts may take its medium out (RMB); never the default, since Linux makes I/O errors of such a unit's attentions. */
  readonly removable?: boolean;
  /**
   * Blocks that one `write` with `atomic` stores wholly or not at all, also where a crash or a loss of power comes in between; absent or 0
   * where the unit promises no such thing.
   */
  readonly atomicWriteBlocks?: number;
  /** What hosts may do now; a write to a `read-only` unit never reaches `write`. */
  access(): Access;
  /**
   * Called before a command that needs the medium while `access` is `none`: a virtual unit reaches for its far array.
   * Rejects with the `ScsiFault` that says why the unit is not ready.
   */
  prepare?(): Promise<void>;
  /** `nexus`: who reads; absent where it is the array itself. */
  read(lba: number, blockCount: number, nexus?: string): Promise<Uint8Array>;
  write(lba: number, data: Uint8Array, options: UnitWriteOptions): Promise<void>;
  flush(): Promise<void>;
  /** Thin units only: the blocks read as zeros from now on and take no room any more (UNMAP). */
  deallocate?(lba: number, blockCount: number, options?: ChangeOptions): Promise<void>;
  /** Thin units only: what is known of the range, from its start, in runs; it may end early (GET LBA STATUS). */
  allocation?(lba: number, blockCount: number): readonly AllocationRun[] | Promise<readonly AllocationRun[]>;
  /** Whether both are true at this moment; absent where they always are. */
  givesBack?(): boolean;
  /** SANITIZE; absent where nobody can promise that nothing is left. */
  readonly sanitize?: Sanitizer;
  /** What it stores is encrypted, and `sanitize` can do away with the key (CRYPTO ERASE). */
  readonly encrypted?: boolean;
  /** Virtual volumes only: the far LUN, to which commands of hosts are passed on. */
  readonly far?: FarUnit;
  /** Blocks that take up and give back room together (OPTIMAL UNMAP GRANULARITY); 1 where absent. */
  readonly deallocationGranularity?: number;
}

export interface ChangeOptions {
  /** True once the host has given the command up: a change that still waits is then not carried out any more. */
  readonly isAborted?: () => boolean;
  /** Who writes; absent where it is the array itself. */
  readonly nexus?: string;
}

export interface UnitWriteOptions extends ChangeOptions {
  readonly forceUnitAccess: boolean;
  /** Wholly or not at all; at most `atomicWriteBlocks`. */
  readonly atomic?: true;
}

/** Neighbouring blocks that all hold data, or all hold none and read as zeros. */
export interface AllocationRun {
  readonly lba: number;
  readonly blockCount: number;
  readonly mapped: boolean;
}

/** The LUNs of the array as they are at this moment. */
export interface LogicalUnits {
  unit(lun: number): LogicalUnit | undefined;
  /** In ascending order of LUN. */
  all(): readonly LogicalUnit[];
}
