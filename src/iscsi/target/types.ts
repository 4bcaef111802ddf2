import type { Random } from '../../base/random.ts';
import type { ChapCredentials } from '../chap.ts';
import type { TargetCounters } from '../target-pdus.ts';
import type { OperationalParameters, OperationalValues } from '../negotiation.ts';

/** With `initiator`, the secret proves that initiator name alone. */
export interface InitiatorChap extends ChapCredentials {
  readonly initiator?: string;
}

/** Who may log in: each initiator proves one of `initiators`; with `target` it may ask for proof in return. */
export interface TargetChap {
  readonly initiators: readonly InitiatorChap[];
  readonly target?: ChapCredentials;
  /** Numbers of `CHAP_ALGORITHMS` that are good enough here; absent: all of them. */
  readonly algorithms?: readonly number[];
}

/** Login status class 1 (RFC 7143 section 11.13.5). */
export interface TargetMove {
  /** `host[:port]`, IPv6 in brackets. */
  readonly address: string;
  readonly permanent: boolean;
}

export interface TargetConfiguration {
  readonly targetName: string;
  readonly targetAlias?: string;
  readonly portalGroupTag: number;
  /** Read anew at each login. */
  readonly chap?: TargetChap | undefined;
  /** Whether an initiator may log in to the target; discovery shows it the target only then. Absent: everybody. */
  readonly admits?: (initiatorName: string) => boolean;
  /** Where an initiator that has proved itself is sent instead of being let in; undefined: nowhere. Absent: nobody is. */
  readonly movedTo?: (initiatorName: string) => TargetMove | undefined;
  /** Where they differ from `OWN_VALUES`. */
  readonly values?: OperationalValues;
  /** Milliseconds from the first byte to the full feature phase. */
  readonly loginTimeoutMs: number;
  /** Milliseconds of silence after which a NOP-In asks for a sign of life, and again until the connection is dropped. */
  readonly keepaliveMs: number;
}

/** The outcome of a command; the same shape as `ScsiReply` in src/scsi/task.ts. */
export interface TargetReply {
  readonly status: number;
  /** All data produced, before truncation to what the initiator expects. */
  readonly dataIn?: Uint8Array;
  /** Bytes produced, where `dataIn` is not all of them. */
  readonly producedDataIn?: number;
  readonly sense?: Uint8Array;
  /** Bytes of Data-Out that the command wanted; absent: all that was announced. */
  readonly wantedDataOut?: number;
}

/** `after-output`: close in order once everything taken has been sent; `now`: drop. */
export type Closing = 'no' | 'after-output' | 'now';

export type TargetEventKind = 'logged-in' | 'login-refused' | 'logged-out' | 'reinstated' | 'lost' | 'protocol-error';

export interface TargetEvent {
  readonly kind: TargetEventKind;
  readonly remoteAddress: string;
  /** Empty before the initiator has given its name. */
  readonly initiatorName: string;
  readonly detail: string;
  /** Of `login-refused`: the status that the initiator was told (`LOGIN_STATUS`). */
  readonly status?: number;
}

/** What stands behind the target engine. Called from inside `feed`, `complete`, `tick` and `lost`. */
export interface TargetHost {
  nexusOpened(nexus: string): void;
  nexusLost(nexus: string): void;
  /** Where it takes time, resolves when it is done; rejects where it is not. */
  reset(scope: 'logical-unit' | 'target', lun: Uint8Array, nexus: string): void | Promise<void>;
  /** False where the reset would reach what the nexus may not know of; absent: always true. */
  mayReset?(scope: 'logical-unit' | 'target', lun: Uint8Array, nexus: string): boolean;
  log?(event: TargetEvent): void;
}

export interface TargetParts {
  readonly configuration: TargetConfiguration;
  readonly host: TargetHost;
  readonly random: Random;
}

/** What the parts of a connection share: where PDUs go, and the counters they carry. */
export interface TargetLink {
  readonly parameters: OperationalParameters;
  send(header: Uint8Array, data?: Uint8Array): void;
  /** The counters for a PDU that is sent next; `status` PDUs use up a StatSN. */
  counters(use: 'status' | 'no-status'): TargetCounters;
}
