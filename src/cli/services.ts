import type {
  AccessDescription,
  ArrayDescription,
  CommandDeviceEntry,
  InitiatorGrant,
  KeyGrant,
  LunMapEntry,
  RemoteDescription,
  VolumeDescription,
} from '../array/description.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { DeviceRow, LunExamination, ReservationChange, ReservationReport } from '../lun/examination.ts';
import type { Lun, LunOpener } from '../lun/lun.ts';
import type { ZeroBlocks } from '../lun/zero-blocks.ts';

export type {
  AccessDescription,
  InitiatorGrant,
  KeyGrant,
  ArrayDescription,
  CommandDeviceEntry,
  LunMapEntry,
  RemoteDescription,
  VolumeDescription,
};

/**
 * What commands need of the world outside. Implemented in `wiring/`, which only the entry imports; tests bring others.
 */
export interface Services {
  readonly clock: Clock;
  readonly random: Random;
  readonly files: Files;
  /** Who is asking, for the control parameter and the array's audit: "user@host:pid". */
  readonly who: string;
  /** What `hostname` prints. */
  readonly hostName: string;
  luns(settings: LunSettings): Promise<LunAccess>;
  locks(): Promise<Locks>;
  arrays(): Promise<ArrayKeeper>;
  lab(): Promise<Lab>;
  stage(): Promise<Stage>;
}

export interface Files {
  exists(path: string): Promise<boolean>;
  read(path: string): Promise<Uint8Array>;
  readText(path: string): Promise<string>;
  /** Replaces the file atomically. */
  write(path: string, content: Uint8Array | string, mode?: number): Promise<void>;
  /** To be read at any place. */
  open(path: string): Promise<FileSource>;
  /**
   * A file of that length to be written at any place; made where there is none. `fresh`: all of it holes, which read as zeros;
   * else what it has stays. Rejects where another process writes it; it is to be renamed before it is closed.
   */
  openImage(path: string, byteLength: number, fresh: boolean): Promise<FileImage>;
  /** Rejects where something is there that is no regular file: a device, a pipe, a directory must not be replaced by a file. */
  checkReplaceable(path: string): Promise<void>;
  /** Replaces what is there; durable when it resolves. */
  rename(from: string, to: string): Promise<void>;
  /** Permission bits, for files that hold secrets. */
  mode(path: string): Promise<number>;
}

/** What proves a CHAP user; with `target`, what the target must prove in return. */
export interface ChapSecret {
  readonly secret: string;
  readonly target?: { readonly name: string; readonly secret: string };
}

/** CHAP secrets by user name. */
export interface ChapSecrets {
  get(user: string): ChapSecret | undefined;
}

export interface LunSettings {
  readonly secrets: ChapSecrets;
  /** The iSCSI name of this host; asked for when the first target is to be reached. Throws `CliError`. */
  readonly initiatorName: () => string;
  /**
   * 16 hex digits: come as the initiator port that goes with this reservation key on this host, so that a registration made
   * by one command belongs to the next one too. Absent: a port of its own for each run.
   */
  readonly reservationKey?: string;
  /** Nothing will be written: a block device may be looked at though this machine uses it. */
  readonly onlyReads?: boolean;
}

export interface LunAccess {
  readonly opener: LunOpener;
  /** As in `LunSettings`. */
  readonly initiatorName: () => string;
  /** LUNs behind an iSCSI portal (REPORT LUNS); `portal` is a URL without LUN. */
  reportLuns(portal: string, timeoutMs: number): Promise<readonly number[]>;
  /** Targets behind "host[:port]" (SendTargets), with their addresses "host:port,group". */
  listTargets(
    portal: string,
    timeoutMs: number,
  ): Promise<readonly { readonly name: string; readonly addresses: readonly string[] }[]>;
  /** The block devices of this machine. */
  listDevices(): Promise<readonly DeviceRow[]>;
  /** Everything that the path tells about the LUN. */
  examine(lun: Lun, timeoutMs: number): Promise<LunExamination>;
  readReservations(lun: Lun, timeoutMs: number): Promise<ReservationReport>;
  changeReservations(lun: Lun, change: ReservationChange, timeoutMs: number): Promise<void>;
  zeroBlocksOf(lun: Lun, blockSize: number, timeoutMs: number): Promise<ZeroBlocks>;
  close(): Promise<void>;
}

/** Who holds a lock, as the holder itself answers. */
export interface LockHolder {
  readonly pid: number;
  /** RFC 3339, UTC. */
  readonly since: string;
  readonly command: string;
}

export type LockResult =
  | { readonly held: true; release(): Promise<void> }
  | { readonly held: false; readonly holder: LockHolder | undefined };

/** Locks that the kernel releases when the process dies, however it dies. */
export interface Locks {
  acquire(name: string, command: string): Promise<LockResult>;
}

export interface ServeHooks {
  ready(facts: ServeFacts): void;
  event(event: object): void;
  /** What the administrator should know at once. */
  warn(text: string): void;
  /** Ends the service in order. */
  readonly stop: AbortSignal;
}

export interface ServeFacts {
  readonly array: string;
  readonly serial: string;
  readonly host: string;
  readonly port: number;
  readonly targetName: string;
  readonly pid: number;
  readonly socket: string;
}

/** What the management socket of a running array can be asked. */
export type ManagementRequest =
  | { readonly operation: 'show' }
  /** The access file is to be read anew. */
  | { readonly operation: 'access-reload' }
  | { readonly operation: 'volume-add'; readonly volume: VolumeDescription }
  /** With `carryOut` false it only says what would be given up. */
  | { readonly operation: 'volume-give-up'; readonly lun: number; readonly carryOut: boolean }
  | { readonly operation: 'map'; readonly entry: LunMapEntry }
  | { readonly operation: 'unmap'; readonly lun: number }
  | { readonly operation: 'command-device-add'; readonly entry: CommandDeviceEntry }
  | { readonly operation: 'command-device-remove'; readonly lun: number }
  | { readonly operation: 'remote-add'; readonly remote: RemoteDescription }
  | { readonly operation: 'remote-remove'; readonly serial: string }
  | { readonly operation: 'link'; readonly serial: string; readonly state: 'up' | 'down' };

/** What stands in the storage of a stopped array, and what is wrong with it. */
export interface StorageReport {
  readonly serial: string;
  readonly name: string;
  readonly volumes: number;
  readonly journals: number;
  readonly groups: number;
  /** Journal records that are still wanted. */
  readonly records: number;
  /** Commands carried out since the array was made. */
  readonly commands: number;
  readonly findings: readonly StorageFinding[];
}

export interface StorageFinding {
  readonly severity: 'damage' | 'doubt';
  readonly file: string;
  readonly offset: number | null;
  readonly what: string;
  readonly meaning: string;
  readonly next: string;
}

/** What the audit holds, and whether it is as it was written. */
export interface AuditReport {
  readonly records: ReadonlyArray<{ readonly record: AuditLine; readonly hash: string }>;
  readonly files: number;
  readonly firstSeq: number;
  readonly last: { readonly seq: number; readonly hash: string };
  readonly findings: ReadonlyArray<{ readonly file: string; readonly offset: number; readonly why: string }>;
  readonly tornBytes: number;
}

export interface AuditLine {
  readonly seq: number;
  readonly wallMs: number;
  readonly event: string;
  readonly array?: string;
  readonly lun?: number;
  readonly initiator?: string;
  readonly nexus?: string;
  readonly address?: string;
  readonly key?: string;
  readonly host?: string;
  readonly manager?: string;
  readonly asked?: string;
  readonly role?: string;
  readonly sense?: string;
  readonly count?: number;
  readonly process?: string;
  readonly requestId?: string;
  readonly group?: string;
  readonly status?: string;
  readonly digest?: string;
  readonly why?: string;
  readonly prev: string;
}

export interface ServeOptions {
  /** Instead of what the description says. */
  readonly listen: Partial<ArrayDescription['listen']>;
  /** LUNs of volumes that are served as away, their files not looked at. */
  readonly leaveOut?: readonly number[];
}

/** Arrays as directories on this machine. */
export interface ArrayKeeper {
  /** Writes `array.yaml`; fails where there is one. */
  init(directory: string, description: ArrayDescription): Promise<void>;
  read(directory: string): Promise<ArrayDescription>;
  /** Runs the array until `hooks.stop`. */
  serve(directory: string, how: ServeOptions, hooks: ServeHooks): Promise<void>;
  /** Checks the audit and gives its records; changes nothing, and the array may be running. */
  audit(directory: string, anchor?: { readonly seq: number; readonly hash: string }): Promise<AuditReport>;
  /** Who may do what; undefined where nothing says so, and everybody may do everything. */
  readAccess(directory: string): Promise<AccessDescription | undefined>;
  /**
   * Replaces the access file once all that it names has been found usable, and has a running array take it over. A running
   * array that refuses it leaves the file as it was.
   */
  writeAccess(directory: string, access: AccessDescription, timeoutMs: number): Promise<{ readonly applied: boolean }>;
  /** Who edits the access file has it alone from reading to writing; waits so long for another one. Rejects with `busy`. */
  lockAccess(directory: string, timeoutMs: number): Promise<{ release(): Promise<void> }>;
  /** Looks at the storage of an array that is not running; changes nothing. */
  check(directory: string): Promise<StorageReport>;
  manage(directory: string, request: ManagementRequest, timeoutMs: number): Promise<Record<string, unknown>>;
}

export interface LabSettings {
  readonly directory: string | undefined;
  readonly volumeBytes: number;
  readonly journalBytes: number;
  /** Of volumes and command devices; a journal volume has blocks of 512 bytes always. */
  readonly blockSize: 512 | 4096;
  readonly timeoutMs: number;
}

export interface LabArray {
  readonly name: string;
  readonly serial: string;
  readonly directory: string;
  readonly configuration: string;
  readonly host: string;
  readonly port: number;
  readonly targetName: string;
  readonly pid: number | undefined;
  readonly state: 'running' | 'paused' | 'stopped';
}

export interface LabReport {
  readonly directory: string;
  /** True where `lab up` made the directory itself, so that `lab down` removes it. */
  readonly temporary: boolean;
  readonly arrays: readonly LabArray[];
  readonly links: readonly { readonly from: string; readonly to: string; readonly state: string }[];
}

export type LabFault = 'kill' | 'start' | 'pause' | 'resume' | 'link-down' | 'link-up';

/** Arrays as operating-system processes of this machine, for rehearsal. */
export interface Lab {
  up(settings: LabSettings): Promise<{ changed: boolean; report: LabReport }>;
  status(directory: string | undefined): Promise<LabReport>;
  down(
    directory: string | undefined,
    keep: boolean,
    timeoutMs: number,
  ): Promise<{ changed: boolean; directory: string; removed: boolean }>;
  fault(
    directory: string | undefined,
    fault: LabFault,
    array: string,
    timeoutMs: number,
  ): Promise<{ changed: boolean; report: LabReport }>;
}

/** What a demonstration needs of this machine beside a lab: room for files, and further processes of this program. */
export interface Stage {
  /** A file that every installation has: the program that runs this one. */
  readonly sampleFile: string;
  /** Where the command `cdctl` itself lies. */
  readonly programDirectory: string;
  /** A new directory for this user alone. */
  makeDirectory(): Promise<string>;
  removeDirectory(path: string): Promise<void>;
  /** Bytes that can still be written under `directory`. */
  freeBytes(directory: string): Promise<number>;
  openFile(path: string): Promise<FileSource>;
  /** Starts this program with further arguments; `line` is called for each line of its standard output. */
  start(args: readonly string[], line: (text: string) => void): StagedProcess;
}

export interface FileSource {
  readonly byteLength: number;
  /** Fewer bytes only where the file ends. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

export interface FileImage extends FileSource {
  write(offset: number, bytes: Uint8Array): Promise<void>;
  flush(): Promise<void>;
}

export interface StagedProcess {
  readonly pid: number;
  /** SIGKILL: it gets no chance to do anything more. */
  kill(): void;
  /** Closes its standard input, which asks it to come to an end. */
  finish(): void;
  /** Resolves after its last line; `errors` is what it wrote to standard error. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: string | null; readonly errors: string }>;
}
