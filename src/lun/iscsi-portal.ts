import type { Clock, Timer } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Connection, Transport } from '../base/transport.ts';
import type { OperationalValues } from '../iscsi/negotiation.ts';
import type { TargetConnection } from '../iscsi/target/connection.ts';
import { CHECK_CONDITION, PROTOCOL_SENSE } from '../iscsi/target/protocol-sense.ts';
import { IscsiTarget } from '../iscsi/target/target.ts';
import type { TargetTask } from '../iscsi/target/task.ts';
import type { TargetChap, TargetConfiguration, TargetEvent, TargetMove } from '../iscsi/target/types.ts';
import type { DeviceServer, ScsiReply } from '../scsi/task.ts';

export interface PortalEvent extends Omit<TargetEvent, 'kind'> {
  /** Besides the engine's: connections or unfinished logins over the limit, failures inside the target. */
  readonly kind: TargetEvent['kind'] | 'too-many-connections' | 'too-many-logins' | 'internal-failure';
}

export interface PortalParts {
  readonly transport: Transport;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly targetName: string;
  readonly targetAlias?: string;
  readonly deviceServer: DeviceServer;
  readonly clock: Clock;
  readonly random: Random;
  /** A function is asked at each login. */
  readonly chap?: TargetChap | (() => TargetChap | undefined);
  /** Whether an initiator may log in to the target and find it by discovery; absent: everybody. */
  readonly admits?: (initiatorName: string) => boolean;
  /** Where an initiator is sent instead of being let in; absent: nobody is. */
  readonly movedTo?: (initiatorName: string) => TargetMove | undefined;
  /** Operational values that differ from `OWN_VALUES`. */
  readonly values?: OperationalValues;
  readonly maxConnections?: number;
  readonly log?: (event: PortalEvent) => void;
}

export interface PortalSession {
  readonly initiatorName: string;
  /** 12 hex digits. */
  readonly isid: string;
  readonly nexus: string;
  readonly discovery: boolean;
  readonly remoteAddress: string;
}

export interface Portal {
  readonly host: string;
  readonly port: number;
  sessions(): readonly PortalSession[];
  /**
   * Ends the sessions of initiators at once, as after their rights were taken away. Logins under way end, too, where they are
   * theirs or nobody's yet: they began with what held before.
   */
  drop(whose: (initiatorName: string) => boolean): void;
  /** Graceful: asks the initiators to log out and gives them a few seconds. Resolves when no connection is left. */
  close(graceful?: boolean): Promise<void>;
}

const MAX_CONNECTIONS = 128;
/** What one address may have of them: the rest is left to others. */
const SHARE_OF_ONE_ADDRESS = 3 / 4;
/** Logins under way at once; the oldest of the address that has most of them gives way, so that nobody who only connects keeps others out. */
const MAX_LOGINS = 32;
const LOGIN_TIMEOUT_MS = 15_000;
const KEEPALIVE_MS = 30_000;
const LOGOUT_SECONDS = 3;
/** How long a connection that has been ended may take to send what is left. */
const LINGER_MS = 5_000;

/** Opens the iSCSI target port of a device server; rejects where the address cannot be listened on. */
export async function createPortal(parts: PortalParts): Promise<Portal> {
  const portal = new ListeningPortal(parts);
  await portal.open();
  return portal;
}

class ListeningPortal implements Portal {
  host = '';
  port = 0;
  private readonly parts: PortalParts;
  private readonly target: IscsiTarget;
  private readonly connections = new Set<PortalConnection>();
  private stopListening: () => Promise<void> = () => Promise.resolve();
  private emptied: (() => void) | undefined;

  constructor(parts: PortalParts) {
    this.parts = parts;
    const { deviceServer, random, log } = parts;
    const host = {
      nexusOpened: (nexus: string) => deviceServer.nexusOpened(nexus),
      nexusLost: (nexus: string) => deviceServer.nexusLost(nexus),
      reset: (scope: 'logical-unit' | 'target', lun: Uint8Array, nexus: string) =>
        deviceServer.reset(scope, lun, nexus),
      mayReset: (scope: 'logical-unit' | 'target', lun: Uint8Array, nexus: string) =>
        deviceServer.mayReset?.(scope, lun, nexus) ?? true,
    };
    const configuration = configurationOf(parts);
    this.target = new IscsiTarget({ configuration, random, host: log ? { ...host, log } : host });
  }

  async open(): Promise<void> {
    const { transport, host, port } = this.parts;
    const listener = await transport.listen(host, port, (stream) => this.accept(stream));
    this.host = listener.host;
    this.port = listener.port;
    this.stopListening = () => listener.close();
  }

  sessions(): readonly PortalSession[] {
    return [...this.connections].flatMap((connection) => connection.session() ?? []);
  }

  drop(whose: (initiatorName: string) => boolean): void {
    for (const connection of this.connections) {
      const initiatorName = connection.session()?.initiatorName ?? connection.loginName();
      if (initiatorName === '' || (initiatorName !== undefined && whose(initiatorName))) connection.abandon();
    }
  }

  async close(graceful = false): Promise<void> {
    const stopped = this.stopListening();
    for (const connection of this.connections) {
      if (graceful) connection.requestLogout();
      else connection.abandon();
    }
    if (this.connections.size > 0) await new Promise<void>((resolve) => (this.emptied = resolve));
    await stopped;
  }

  private accept(stream: Connection): void {
    const limit = this.parts.maxConnections ?? MAX_CONNECTIONS;
    if (this.connections.size >= limit) return this.refuse(stream, `${limit} connections are open`);
    const share = Math.ceil(limit * SHARE_OF_ONE_ADDRESS);
    const address = hostOf(stream.remoteAddress);
    const own = [...this.connections].filter((connection) => connection.address === address).length;
    if (own >= share) return this.refuse(stream, `${own} connections of ${address} are open`);
    this.boundLogins();
    const connection = new PortalConnection(this.parts, this.target, stream, () => {
      this.connections.delete(connection);
      if (this.connections.size === 0) this.emptied?.();
    });
    this.connections.add(connection);
  }

  private boundLogins(): void {
    const logins = [...this.connections].filter((connection) => connection.isLoggingIn());
    if (logins.length < MAX_LOGINS) return;
    const countOf = (address: string): number => logins.filter((login) => login.address === address).length;
    const most = Math.max(...logins.map(({ address }) => countOf(address)));
    logins.find(({ address }) => countOf(address) === most)!.giveWay(MAX_LOGINS);
  }

  private refuse(stream: Connection, detail: string): void {
    const { remoteAddress } = stream;
    stream.handlers = { data: () => undefined, drained: () => undefined, closed: () => undefined };
    this.parts.log?.({
      kind: 'too-many-connections',
      remoteAddress,
      initiatorName: '',
      detail,
    });
    stream.destroy();
  }
}

function hostOf(address: string): string {
  return address.replace(/:\d+$/, '');
}

function configurationOf(parts: PortalParts): TargetConfiguration {
  return {
    targetName: parts.targetName,
    portalGroupTag: 1,
    loginTimeoutMs: LOGIN_TIMEOUT_MS,
    keepaliveMs: KEEPALIVE_MS,
    ...(parts.targetAlias === undefined ? {} : { targetAlias: parts.targetAlias }),
    get chap() {
      return typeof parts.chap === 'function' ? parts.chap() : parts.chap;
    },
    ...(parts.admits === undefined ? {} : { admits: parts.admits }),
    ...(parts.movedTo === undefined ? {} : { movedTo: parts.movedTo }),
    ...(parts.values === undefined ? {} : { values: parts.values }),
  };
}

/** One connection: carries bytes and time into the engine and its output out, one batch a turn. */
class PortalConnection {
  /** Without the port. */
  readonly address: string;
  private readonly parts: PortalParts;
  private readonly stream: Connection;
  private readonly engine: TargetConnection;
  private readonly gone: () => void;
  private timer: Timer | undefined;
  private scheduled = false;
  private blocked = false;
  private ended = false;
  private over = false;

  constructor(parts: PortalParts, target: IscsiTarget, stream: Connection, gone: () => void) {
    this.parts = parts;
    this.stream = stream;
    this.address = hostOf(stream.remoteAddress);
    this.gone = gone;
    this.engine = target.accept({
      localAddress: stream.localAddress,
      remoteAddress: stream.remoteAddress,
      nowMs: parts.clock.monotonicMs(),
      wake: () => this.schedule(),
      execute: (task) => this.execute(task),
    });
    stream.handlers = {
      data: (bytes) => this.guard(() => this.engine.feed(bytes, parts.clock.monotonicMs())),
      drained: () => this.drained(),
      closed: () => this.closed(),
    };
    this.setTimer();
  }

  session(): PortalSession | undefined {
    const session = this.engine.current;
    if (!session) return undefined;
    const { initiatorName, isid, nexus, discovery } = session;
    return { initiatorName, isid, nexus, discovery, remoteAddress: this.stream.remoteAddress };
  }

  isLoggingIn(): boolean {
    return this.engine.closing === 'no' && !this.engine.current;
  }

  /** Who is logging in: empty before it has said so, undefined where no login is under way. */
  loginName(): string | undefined {
    return this.isLoggingIn() ? this.engine.initiatorName : undefined;
  }

  requestLogout(): void {
    this.guard(() => this.engine.requestLogout(this.parts.clock.monotonicMs(), LOGOUT_SECONDS));
    this.setTimer();
  }

  abandon(): void {
    this.stream.destroy();
    this.closed();
  }

  giveWay(limit: number): void {
    const { remoteAddress } = this.stream;
    const detail = `${limit} logins are under way`;
    this.parts.log?.({ kind: 'too-many-logins', remoteAddress, initiatorName: '', detail });
    this.abandon();
  }

  /** A failure in the target costs this connection, never another. */
  private guard(action: () => void): void {
    if (this.over) return;
    try {
      action();
    } catch (error) {
      this.report(error);
      this.abandon();
    }
  }

  private report(error: unknown): void {
    this.parts.log?.({
      kind: 'internal-failure',
      remoteAddress: this.stream.remoteAddress,
      initiatorName: this.engine.current?.initiatorName ?? '',
      detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
  }

  private execute(task: TargetTask): void {
    this.replyTo(task).then(
      (reply) => this.complete(() => this.engine.complete(task, reply)),
      (error: unknown) => {
        if (!task.aborted) this.report(error);
        const reply = { status: CHECK_CONDITION, sense: PROTOCOL_SENSE.internalFailure };
        this.complete(() => this.engine.complete(task, reply));
      },
    );
  }

  /** A device server that throws at once must not leave a task that never ends. */
  private async replyTo(task: TargetTask): Promise<ScsiReply> {
    return this.parts.deviceServer.execute(task);
  }

  /** Even of a connection that is gone: someone may wait for the task to end. */
  private complete(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.report(error);
      if (!this.over) this.abandon();
    }
  }

  /** Whatever else completes in this turn rides in the same batch. */
  private schedule(): void {
    if (this.scheduled || this.over) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.over || this.ended) return;
    if (this.engine.closing === 'now') return this.abandon();
    if (this.blocked) return;
    const batch = this.engine.takeOutput();
    if (batch.length > 0 && !this.stream.send(batch)) this.block();
    else this.engine.outputSent();
    if (this.engine.closing === 'after-output') this.end();
  }

  private block(): void {
    this.blocked = true;
    this.stream.pause();
  }

  private drained(): void {
    if (!this.blocked || this.over) return;
    this.blocked = false;
    this.stream.resume();
    this.guard(() => this.engine.outputSent());
    this.schedule();
  }

  private end(): void {
    this.ended = true;
    // What still comes in is thrown away by the engine, but must be read for the end to be seen.
    if (this.blocked) this.stream.resume();
    this.stream.end();
    this.timer?.cancel();
    this.timer = this.parts.clock.setTimer(LINGER_MS, () => this.abandon(), { background: true });
  }

  private setTimer(): void {
    this.timer?.cancel();
    if (this.over || this.ended) return;
    const delayMs = Math.max(1, this.engine.deadlineMs() - this.parts.clock.monotonicMs());
    this.timer = this.parts.clock.setTimer(delayMs, () => this.hear(), { background: true });
  }

  /** What already lies in the receive buffer, as after the process stood still, comes before the judgement that nothing did. */
  private hear(): void {
    const tick = (): void => {
      this.guard(() => this.engine.tick(this.parts.clock.monotonicMs()));
      this.setTimer();
    };
    this.timer = this.parts.clock.setTimer(0, tick, { background: true });
  }

  private closed(): void {
    if (this.over) return;
    this.over = true;
    this.timer?.cancel();
    this.complete(() => this.engine.lost());
    this.gone();
  }
}
