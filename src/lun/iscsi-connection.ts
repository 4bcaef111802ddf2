import type { Clock, Timer } from '../base/clock.ts';
import type { Connection, Transport } from '../base/transport.ts';
import { createInitiator, type Initiator, type InitiatorOptions } from '../iscsi/initiator-session.ts';
import type {
  CommandOutcome,
  CommandRequest,
  ManagementOutcome,
  SendTargetsOutcome,
  SessionEnd,
} from '../iscsi/initiator.ts';
import { formatPortal, type PortalAddress } from './lun-path.ts';

/** A command that got no answer, or a session that could not be made. */
export class SessionFailure extends Error {
  override readonly name = 'SessionFailure';
  readonly kind: 'no-path' | 'timeout';
  /** Whether the command may have reached the target. */
  readonly sent: boolean;
  /** Trying again, perhaps later, may help. */
  readonly retriable: boolean;
  /** The target asked for so long a pause. */
  readonly waitMs: number;
  readonly redirect: string | undefined;
  /** No session could be made, so that nothing was sent at all. */
  readonly withoutSession: boolean;

  constructor(
    kind: 'no-path' | 'timeout',
    message: string,
    details: {
      sent?: boolean;
      retriable?: boolean;
      waitMs?: number;
      redirect?: string | undefined;
      withoutSession?: boolean;
    } = {},
  ) {
    super(message);
    this.kind = kind;
    this.sent = details.sent ?? false;
    this.retriable = details.retriable ?? false;
    this.waitMs = details.waitMs ?? 0;
    this.redirect = details.redirect;
    this.withoutSession = details.withoutSession ?? false;
  }
}

export interface IscsiConnectionParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly portal: PortalAddress;
  readonly engine: InitiatorOptions;
  readonly connectTimeoutMs: number;
  /** Given up before the login is through: the connection then ends as soon as it can. */
  readonly signal: AbortSignal;
}

export interface ConnectionRequest extends Omit<CommandRequest, 'done'> {
  /** The listener is called once nobody wants the command any more: the target is then told to abort it. */
  readonly onceAborted?: (listener: () => void) => void;
}

/** One logged-in connection: an engine and the stream under it. */
export interface IscsiConnection {
  /** Why it is of no more use; undefined while it is. */
  ended(): SessionEnd | undefined;
  execute(request: ConnectionRequest): Promise<CommandOutcome>;
  /** LOGICAL UNIT RESET. */
  resetUnit(lun: Uint8Array, deadlineMs: number): Promise<ManagementOutcome>;
  sendTargets(deadlineMs: number): Promise<SendTargetsOutcome>;
  /** Resolves when the target has let go, or was given time enough to. */
  logout(): Promise<SessionEnd>;
}

/** Connects and logs in. Rejects with `SessionFailure`. */
export async function openIscsiConnection(parts: IscsiConnectionParts): Promise<IscsiConnection> {
  const address = formatPortal(parts.portal);
  let stream: Connection;
  try {
    stream = await parts.transport.connect(parts.portal.host, parts.portal.port, { timeoutMs: parts.connectTimeoutMs });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SessionFailure('no-path', `no connection to ${address}: ${why}`, {
      retriable: true,
      withoutSession: true,
    });
  }
  const driver = new ConnectionDriver(parts, stream);
  const giveUp = (): void => void driver.logout();
  parts.signal.addEventListener('abort', giveUp);
  if (parts.signal.aborted) giveUp();
  try {
    await driver.loggedIn;
  } finally {
    parts.signal.removeEventListener('abort', giveUp);
  }
  return driver;
}

class ConnectionDriver implements IscsiConnection {
  readonly loggedIn: Promise<void>;
  private readonly clock: Clock;
  private readonly stream: Connection;
  private readonly engine: Initiator;
  private readonly over: Promise<SessionEnd>;
  private end: SessionEnd | undefined;
  private timer: Timer | undefined;
  private timerAtMs = Infinity;
  private flushing = false;

  constructor(parts: IscsiConnectionParts, stream: Connection) {
    this.clock = parts.clock;
    this.stream = stream;
    const login = deferred<void>();
    const over = deferred<SessionEnd>();
    this.loggedIn = login.promise;
    this.over = over.promise;
    this.engine = createInitiator(parts.engine, {
      loggedIn: () => login.resolve(),
      ended: (end) => {
        login.reject(loginFailure(formatPortal(parts.portal), end));
        this.close(end);
        over.resolve(end);
      },
    });
    stream.handlers = {
      data: (bytes) => {
        this.engine.receive(bytes, this.clock.monotonicMs());
        this.flush();
      },
      drained: () => {
        this.engine.setCongested(false, this.clock.monotonicMs());
        this.flush();
      },
      closed: (error) => this.engine.connectionLost(lossOf(error), this.clock.monotonicMs()),
    };
    this.engine.start(this.clock.monotonicMs());
    this.flush();
  }

  ended(): SessionEnd | undefined {
    return this.end;
  }

  execute({ onceAborted, ...request }: ConnectionRequest): Promise<CommandOutcome> {
    return new Promise((done) => {
      const submitted = { ...request, done };
      this.engine.submit(submitted, this.clock.monotonicMs());
      this.flushSoon();
      onceAborted?.(() => {
        this.engine.giveUp(submitted, this.clock.monotonicMs());
        this.flushSoon();
      });
    });
  }

  resetUnit(lun: Uint8Array, deadlineMs: number): Promise<ManagementOutcome> {
    return new Promise((done) => {
      this.engine.resetUnit(lun, deadlineMs, this.clock.monotonicMs(), done);
      this.flush();
    });
  }

  sendTargets(deadlineMs: number): Promise<SendTargetsOutcome> {
    return new Promise((done) => {
      this.engine.sendTargets(deadlineMs, this.clock.monotonicMs(), done);
      this.flush();
    });
  }

  logout(): Promise<SessionEnd> {
    this.engine.logout(this.clock.monotonicMs());
    this.flush();
    return this.over;
  }

  /** Commands that are given in one turn go out as one batch. */
  private flushSoon(): void {
    if (this.flushing) return;
    this.flushing = true;
    queueMicrotask(() => {
      this.flushing = false;
      this.flush();
    });
  }

  private flush(): void {
    const batch = this.engine.takeBatch();
    if (batch.length > 0 && this.end === undefined && !this.stream.send(batch)) {
      this.engine.setCongested(true, this.clock.monotonicMs());
    }
    this.arm();
  }

  private arm(): void {
    const atMs = this.engine.nextDeadlineMs();
    if (this.end !== undefined || atMs >= this.timerAtMs) return;
    this.timer?.cancel();
    this.timerAtMs = atMs;
    const delayMs = Math.max(0, atMs - this.clock.monotonicMs());
    this.timer = this.clock.setTimer(delayMs, () => this.hear(), { background: true });
  }

  /** An answer that already lies in the receive buffer comes before the judgement that there was none. */
  private hear(): void {
    this.timer = this.clock.setTimer(0, () => this.tick(), { background: true });
  }

  private tick(): void {
    this.timerAtMs = Infinity;
    this.engine.tick(this.clock.monotonicMs());
    this.flush();
  }

  private close(end: SessionEnd): void {
    this.end = end;
    this.timer?.cancel();
    if (end.reason === 'logged-out') this.stream.end();
    else this.stream.destroy();
  }
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: Error): void;
}

function deferred<T>(): Deferred<T> {
  let settle: Omit<Deferred<T>, 'promise'> | undefined;
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...settle! };
}

function lossOf(error: Error | undefined): string {
  return error ? `connection lost: ${error.message}` : 'the target closed the connection';
}

function loginFailure(address: string, end: SessionEnd): SessionFailure {
  return new SessionFailure('no-path', `${address}: ${end.message}`, {
    withoutSession: true,
    retriable: end.retriable,
    waitMs: end.waitMs,
    redirect: end.redirect,
  });
}
