/** One SCSI command on its way through a device server; whatever transport carries it. */
export interface ScsiTask {
  /** Names the I_T nexus: one initiator port talking to this target port. */
  readonly nexus: string;
  /** The 8-byte LUN field as the transport delivered it. */
  readonly lun: Uint8Array;
  readonly cdb: Uint8Array;
  /** Data-Out as received: at most what the initiator announced. */
  readonly dataOut: Uint8Array;
  /** Bytes of Data-Out that the initiator announced (EDTL of a write); 0 for none. */
  readonly expectedDataOut: number;
  /** Bytes of Data-In that the initiator has room for. */
  readonly expectedDataIn: number;
  /** Becomes true when a task management function or a lost nexus aborts the task; to be asked at each step. */
  readonly aborted?: boolean;
  /** Called at once where the task is aborted already. */
  onceAborted?(listener: () => void): void;
}

export interface ScsiReply {
  /** SAM status byte. */
  readonly status: number;
  /** All data that the command produced, before truncation to `expectedDataIn`. */
  readonly dataIn?: Uint8Array;
  /** Bytes that the command produced, where `dataIn` is not all of them; for the residual count. */
  readonly producedDataIn?: number;
  /** Sense data with CHECK CONDITION. */
  readonly sense?: Uint8Array;
  /** Bytes of Data-Out that the command wanted; for the residual count. Absent: all that was announced. */
  readonly wantedDataOut?: number;
}

/** What stands behind a SCSI target port. */
export interface DeviceServer {
  execute(task: ScsiTask): Promise<ScsiReply>;
  /** A new nexus begins (its unit attentions start) or one is gone (its reservations and prevents end). */
  nexusOpened(nexus: string): void;
  nexusLost(nexus: string): void;
  /** LOGICAL UNIT RESET, TARGET WARM/COLD RESET. Where it takes time, resolves when it is done; rejects where it is not. */
  reset(scope: 'logical-unit' | 'target', lun: Uint8Array, nexus: string): void | Promise<void>;
  /** False where the reset would reach a unit that the nexus may not know of; absent: always true. */
  mayReset?(scope: 'logical-unit' | 'target', lun: Uint8Array, nexus: string): boolean;
}
