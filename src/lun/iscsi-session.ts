import { delay, type Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Transport } from '../base/transport.ts';
import type { InitiatorCredentials } from '../iscsi/initiator-chap.ts';
import type { CommandAnswer, InitiatorLimits, TargetRecord } from '../iscsi/initiator.ts';
import type { OperationalValues } from '../iscsi/negotiation.ts';
import { within } from './deadline.ts';
import { openIscsiConnection, SessionFailure, type IscsiConnection } from './iscsi-connection.ts';
import { formatPortal, parsePortal, type PortalAddress } from './lun-path.ts';

export interface IscsiSessionParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly portal: PortalAddress;
  /** Absent: a discovery session. */
  readonly target?: string;
  /** "iqn...." of this host. */
  readonly initiatorName: string;
  readonly credentials?: InitiatorCredentials;
  readonly requireDigests?: { readonly header: boolean; readonly data: boolean };
  /** Operational values that differ from `OWN_VALUES` (src/iscsi/negotiation.ts). */
  readonly values?: OperationalValues;
  readonly limits?: Partial<InitiatorLimits>;
  /**
   * 6 bytes; else a random one. A registration with a unit is this port's: whoever is to have it again comes with the same.
   * A new session with the ISID of an old one ends what that has under way.
   */
  readonly isid?: Uint8Array;
  /** Before each attempt to connect again after the session was lost; its callers wait that long at least. */
  readonly reconnectPausesMs?: readonly number[];
}

export interface SessionCommand {
  readonly lun: Uint8Array;
  readonly cdb: Uint8Array;
  readonly dataOut?: Uint8Array;
  readonly dataIn?: Uint8Array;
  readonly deadlineMs: number;
  /** Doing it twice does no harm: it is sent again when a connection is lost after it was sent. */
  readonly repeatable: boolean;
  /** Only over this connection, as `connectionNumber` gave it. */
  readonly onlyConnection?: number;
  /** The listener is called once nobody wants the command any more: the target is then told to abort it. */
  readonly onceAborted?: (listener: () => void) => void;
}

export interface SessionAnswer extends CommandAnswer {
  /** It was sent before, over a connection that was lost, and may have been executed then, whatever the answer says. */
  readonly sentBefore: boolean;
}

/** A session with one target, over whatever connections that takes. Rejections are `SessionFailure`. */
export interface IscsiSession {
  execute(command: SessionCommand): Promise<SessionAnswer>;
  /** LOGICAL UNIT RESET, only over this connection; resolves with the target's response (RFC 7143 section 11.6.1). */
  resetUnit(lun: Uint8Array, deadlineMs: number, onlyConnection: number): Promise<number>;
  /** Counts the connections of the session. */
  connectionNumber(): number;
  sendTargets(deadlineMs: number): Promise<readonly TargetRecord[]>;
  close(): Promise<void>;
}

/** Times that one command is sent again after lost connections. */
const MAX_RESENDS = 3;
/** Attempts to connect again after a session was lost; the first connection ever has one. */
const RECONNECT_PAUSES_MS: readonly number[] = [50, 100, 200, 400, 800];
const MAX_CONNECT_MS = 10_000;
const MAX_REDIRECTS = 3;
/** The longest pause that a target may ask for before the next login. */
const MAX_WAIT_MS = 5000;

export function createIscsiSession(parts: IscsiSessionParts): IscsiSession {
  return new ReconnectingSession(parts);
}

class ReconnectingSession implements IscsiSession {
  private readonly parts: IscsiSessionParts;
  /** The same for all connections: the target then takes a new one as the old one's successor and ends its tasks. */
  private readonly isid: Uint8Array;
  private connection: IscsiConnection | undefined;
  private connecting: Promise<IscsiConnection> | undefined;
  private connections = 0;
  /** The latest deadline of those who wait for a connection. */
  private wantedUntilMs = -Infinity;
  private readonly closing = new AbortController();

  constructor(parts: IscsiSessionParts) {
    this.parts = parts;
    this.isid = parts.isid ?? randomIsid(parts.random);
    this.isid[0] = RANDOM_ISID;
  }

  async execute(command: SessionCommand): Promise<SessionAnswer> {
    const { lun, cdb, deadlineMs } = command;
    const data = {
      ...(command.dataOut && { dataOut: command.dataOut }),
      ...(command.dataIn && { dataIn: command.dataIn }),
      ...(command.onceAborted && { onceAborted: command.onceAborted }),
    };
    let sentBefore = false;
    for (let resends = 0; ; resends += 1) {
      const connection = await this.connectedFor(command, sentBefore);
      const outcome = await connection.execute({ lun, cdb, deadlineMs, ...data });
      if (outcome.kind === 'answered') return { ...outcome, sentBefore };
      const { reason } = outcome;
      const again = reason === 'connection-lost' && (!outcome.sent || command.repeatable);
      sentBefore ||= outcome.sent;
      if (again && resends < MAX_RESENDS && !this.closed()) continue;
      const kind = reason === 'timeout' || reason === 'given-up' ? 'timeout' : 'no-path';
      throw new SessionFailure(kind, `${this.name()}: ${outcome.message}`, {
        sent: sentBefore,
      });
    }
  }

  /** What was sent over an earlier connection may have been executed, also where there is no other to send it over again. */
  private async connectedFor(
    command: Pick<SessionCommand, 'deadlineMs' | 'onlyConnection'>,
    sentBefore: boolean,
  ): Promise<IscsiConnection> {
    const connection = await this.connected(command.deadlineMs).catch((error: unknown) => {
      if (!sentBefore || !(error instanceof SessionFailure)) throw error;
      throw new SessionFailure(error.kind, error.message, { sent: true });
    });
    if (command.onlyConnection === undefined || command.onlyConnection === this.connections) return connection;
    const message = `${this.name()}: connected anew; what stands behind it may have changed`;
    throw new SessionFailure('no-path', message, { sent: sentBefore });
  }

  async resetUnit(lun: Uint8Array, deadlineMs: number, onlyConnection: number): Promise<number> {
    const connection = await this.connectedFor({ deadlineMs, onlyConnection }, false);
    const outcome = await connection.resetUnit(lun, deadlineMs);
    if (outcome.kind === 'answered') return outcome.response;
    throw new SessionFailure('no-path', `${this.name()}: ${outcome.message}`, { sent: true });
  }

  connectionNumber(): number {
    return this.connections;
  }

  async sendTargets(deadlineMs: number): Promise<readonly TargetRecord[]> {
    const connection = await this.connected(deadlineMs);
    const outcome = await connection.sendTargets(deadlineMs);
    if (outcome.kind === 'answered') return outcome.targets;
    const late = this.parts.clock.monotonicMs() >= deadlineMs;
    throw new SessionFailure(late ? 'timeout' : 'no-path', `${this.name()}: ${outcome.message}`);
  }

  async close(): Promise<void> {
    this.closing.abort();
    if (this.connection && !this.connection.ended()) await this.connection.logout();
  }

  private closed(): boolean {
    return this.closing.signal.aborted;
  }

  private connected(deadlineMs: number): Promise<IscsiConnection> {
    if (this.closed()) return Promise.reject(this.noSession('the session was closed'));
    if (this.connection && !this.connection.ended()) return Promise.resolve(this.connection);
    this.wantedUntilMs = Math.max(this.wantedUntilMs, deadlineMs);
    this.connecting ??= this.connect().finally(() => {
      this.connecting = undefined;
    });
    return within(this.parts.clock, deadlineMs, this.connecting, () => this.noSession('no session in time'));
  }

  private noSession(why: string): SessionFailure {
    return new SessionFailure('no-path', `${this.name()}: ${why}`, { withoutSession: true });
  }

  private async connect(): Promise<IscsiConnection> {
    const { clock, random } = this.parts;
    const pauses = this.connections > 0 ? (this.parts.reconnectPausesMs ?? RECONNECT_PAUSES_MS) : [];
    await this.pause(this.connection?.ended()?.waitMs ?? 0);
    for (let attempt = 0; ; attempt += 1) {
      if (this.closed()) throw this.noSession('the session was closed');
      try {
        this.connection = await this.logIn(this.parts.portal, []);
        this.connections += 1;
        return this.connection;
      } catch (error) {
        const pauseMs = pauses[attempt];
        const again = error instanceof SessionFailure && error.retriable && !this.closed();
        if (!again || pauseMs === undefined || clock.monotonicMs() >= this.wantedUntilMs) throw error;
        await this.pause(Math.max(pauseMs + random.below(pauseMs), error.waitMs));
      }
    }
  }

  private async pause(delayMs: number): Promise<void> {
    if (delayMs > 0) await delay(this.parts.clock, Math.min(delayMs, MAX_WAIT_MS));
  }

  /** `from`: the portals that have sent us on. */
  private async logIn(portal: PortalAddress, from: readonly PortalAddress[]): Promise<IscsiConnection> {
    const { parts } = this;
    const leftMs = this.wantedUntilMs - parts.clock.monotonicMs();
    try {
      return await openIscsiConnection({
        transport: parts.transport,
        clock: parts.clock,
        portal,
        signal: this.closing.signal,
        connectTimeoutMs: Math.max(1, Math.min(MAX_CONNECT_MS, leftMs)),
        engine: {
          isid: this.isid,
          initiatorName: parts.initiatorName,
          ...(parts.target !== undefined && { target: parts.target }),
          ...(parts.credentials && { credentials: parts.credentials }),
          requireDigests: parts.requireDigests ?? { header: false, data: false },
          random: parts.random,
          firstCmdSn: 1,
          ...(parts.values && { values: parts.values }),
          ...(parts.limits && { limits: parts.limits }),
        },
      });
    } catch (error) {
      const redirect = error instanceof SessionFailure ? error.redirect : undefined;
      if (redirect === undefined) throw error;
      const way = [...from, portal];
      if (way.length > MAX_REDIRECTS) throw this.noSession(`sent on without end: ${way.map(formatPortal).join(', ')}`);
      return this.logIn(this.movedTo(redirect), way);
    }
  }

  private movedTo(address: string): PortalAddress {
    try {
      return parsePortal(address);
    } catch {
      throw this.noSession(`the target has moved to ${JSON.stringify(address.slice(0, 100))}, which is no host:port`);
    }
  }

  private name(): string {
    const { portal, target } = this.parts;
    return target === undefined ? formatPortal(portal) : `${target} at ${formatPortal(portal)}`;
  }
}

/** T = 10b (RFC 7143 section 11.12.5). */
const RANDOM_ISID = 0x80;

export function randomIsid(random: Random): Uint8Array {
  const isid = random.bytes(6);
  isid[0] = RANDOM_ISID;
  // Says, where the session is an array's own, that it passes nothing on (src/array/far/host-ports.ts).
  isid[5]! &= 0xf0;
  return isid;
}
