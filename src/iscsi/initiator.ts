import type { Residual } from './target-pdus.ts';

/**
 * What the initiator's session engine takes and gives. The engine does no I/O: its driver feeds it bytes and the time
 * and carries out the batches that it hands back. CDBs, LUN fields and sense data are opaque to it.
 */

/** One command. The engine calls `done` exactly once. */
export interface CommandRequest {
  /** The 8-byte LUN field. */
  readonly lun: Uint8Array;
  /** At most 16 bytes. */
  readonly cdb: Uint8Array;
  /** All data of a write; must not change until `done`. A command moves data one way or not at all. */
  readonly dataOut?: Uint8Array;
  /** Room for the data of a read, which is put there as it comes. */
  readonly dataIn?: Uint8Array;
  /** On the clock that drives the engine. */
  readonly deadlineMs: number;
  done(outcome: CommandOutcome): void;
}

export type CommandOutcome = CommandAnswer | CommandFailure;

export interface CommandAnswer {
  readonly kind: 'answered';
  /** SAM status byte. */
  readonly status: number;
  readonly sense: Uint8Array | undefined;
  /** Bytes at the beginning of `dataIn` that the target has filled. */
  readonly receivedLength: number;
  readonly residual: Residual;
}

export interface CommandFailure {
  readonly kind: 'failed';
  readonly reason: 'timeout' | 'given-up' | 'connection-lost' | 'rejected' | 'target-failure';
  /** Whether the command may have reached the target; false: it has certainly not been executed. */
  readonly sent: boolean;
  readonly message: string;
}

/** What became of a task management function (RFC 7143 section 11.6.1). */
export type ManagementOutcome =
  | { readonly kind: 'answered'; readonly response: number }
  | { readonly kind: 'failed'; readonly message: string };

/** Why a connection is of no more use. */
export interface SessionEnd {
  readonly reason:
    | 'logged-out'
    | 'login-failed'
    | 'protocol-error'
    | 'connection-lost'
    | 'timeout'
    | 'dropped-by-target';
  readonly message: string;
  /** Another login, at once or later, may well succeed. */
  readonly retriable: boolean;
  /** The target asked for so long a pause before the next login. */
  readonly waitMs: number;
  /** The target has moved: log in there ("host:port"). */
  readonly redirect?: string;
}

export interface InitiatorEvents {
  /** Commands flow from now on. */
  loggedIn(): void;
  /** Called once; every command has had its `done` before. The driver closes the connection. */
  ended(end: SessionEnd): void;
  /** Asynchronous SCSI event: sense data that belongs to no command (RFC 7143 section 11.9.1). */
  scsiEvent?(lun: Uint8Array, sense: Uint8Array | undefined): void;
}

export interface TargetRecord {
  readonly name: string;
  /** "host:port,portal-group" as the target gives them. */
  readonly addresses: readonly string[];
}

export type SendTargetsOutcome =
  | { readonly kind: 'answered'; readonly targets: readonly TargetRecord[] }
  | { readonly kind: 'failed'; readonly message: string };

/** How long what may take; and how much at once. */
export interface InitiatorLimits {
  readonly loginTimeoutMs: number;
  /** A ping after so long a silence of the target. */
  readonly pingIntervalMs: number;
  /** No byte so long after a ping: the connection is dead. */
  readonly pingTimeoutMs: number;
  /** An ABORT TASK or logout that is not answered so long: the connection is dead. */
  readonly abortTimeoutMs: number;
  /** Commands in flight, besides what the target's window allows. */
  readonly commandsInFlight: number;
}

export const DEFAULT_INITIATOR_LIMITS: InitiatorLimits = {
  loginTimeoutMs: 15_000,
  pingIntervalMs: 5000,
  pingTimeoutMs: 5000,
  abortTimeoutMs: 5000,
  commandsInFlight: 64,
};
