import type { InquiryReport } from '../scsi/inquiry-report.ts';
import type { ModeReport } from '../scsi/mode-report.ts';
import type { VpdReport } from '../scsi/vpd-report.ts';
import type { LunIdentity } from './lun.ts';

/** Everything that a path tells about its LUN. What it does not tell stands in `unknown`, with the reason. */
export interface LunExamination {
  /** Who was asked: the unit itself, or the kernel, which keeps a part of what a disk said when it was found. */
  readonly source: 'unit' | 'kernel';
  /** "ready", or why it is not. */
  readonly state: string;
  readonly inquiry?: InquiryReport;
  readonly capacity?: CapacityReport;
  readonly mode?: ModeReport;
  readonly reservations?: ReservationReport;
  readonly kernel?: KernelReport;
  /** In the order of the list of supported pages. */
  readonly vpd: readonly VpdReport[];
  readonly unknown: readonly { readonly what: string; readonly why: string }[];
}

export interface CapacityReport {
  readonly blockSize: number;
  readonly blockCount: number;
  readonly byteLength: number;
  readonly physicalBlockSize: number;
  /** The first block that begins a physical one. */
  readonly lowestAlignedLba: number;
  readonly thin: boolean;
  /** Blocks that were given back read as zeros. */
  readonly readsZeros: boolean;
  /** 0 without. */
  readonly protectionType: number;
  /** What READ CAPACITY(10) says; null where the unit is too large for it. */
  readonly shortBlockCount: number | null;
}

export interface ReservationReport {
  /** PRGENERATION. */
  readonly generation: number;
  /** Each registered key, in the order of the device. */
  readonly keys: readonly string[];
  /** Absent: not reserved. */
  readonly held?: { readonly key: string; readonly type: string };
  /** Who registered which key; absent where the device has no READ FULL STATUS. */
  readonly registrations?: readonly {
    readonly key: string;
    readonly port: string;
    /** The type that it holds, alone or with others. */
    readonly holds?: string;
  }[];
  readonly capabilities?: {
    readonly throughPowerLossCapable: boolean;
    readonly throughPowerLossActive: boolean;
    readonly specifyInitiatorPorts: boolean;
    readonly allTargetPorts: boolean;
    /** In words; absent where the device does not say. */
    readonly types?: readonly string[];
  };
}

/** sysfs, about a block device. Sizes in bytes. */
export interface KernelReport {
  /** "/dev/sda". */
  readonly device: string;
  /** "8:0". */
  readonly number: string;
  /** "disk", "partition", "loop", "multipath", "device mapper", "array". */
  readonly kind: string;
  readonly readOnly: boolean;
  readonly removable: boolean;
  readonly rotational: boolean;
  /** The kernel's own word: "write back", "write through". */
  readonly writeCache: string;
  /** Largest discard; 0: the device takes none. */
  readonly discardMaximum: number;
  readonly discardGranularity: number;
  readonly transferMaximum: number;
  readonly optimalTransfer: number;
  /** Paths of a multipath map, or what another stacked device is built on. */
  readonly builtOn: readonly string[];
  /** What the file behind a loop device is. */
  readonly backingFile?: string;
}

/** A block device of this machine, as a scan lists it. */
export interface DeviceRow {
  readonly path: string;
  readonly identity: LunIdentity;
  readonly blockSize: number;
  readonly blockCount: number;
  readonly physicalBlockSize: number;
  readonly thin: boolean;
  readonly writeProtected: boolean;
  readonly kind: string;
  /** "it is mounted on /"; absent: nobody uses it. */
  readonly usedBy?: string;
}

/** A change of the persistent reservations of a unit (SPC-4 6.16). Keys are 16 hex digits. */
export type ReservationChange =
  /** `key` is what this initiator port has registered; absent: whatever it has. A new key of zeros ends the registration. */
  | { readonly action: 'register'; readonly key?: string; readonly newKey: string; readonly throughPowerLoss: boolean }
  | { readonly action: 'reserve' | 'release'; readonly key: string; readonly type: string }
  | { readonly action: 'clear'; readonly key: string }
  | {
      readonly action: 'preempt' | 'preemptAndAbort';
      readonly key: string;
      readonly other: string;
      readonly type: string;
    };
