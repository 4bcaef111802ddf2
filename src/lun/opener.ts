import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { Transport } from '../base/transport.ts';
import { toHex } from '../base/bytes.ts';
import { describeViolation } from '../base/violation.ts';
import type { InitiatorCredentials } from '../iscsi/initiator-chap.ts';
import type { InitiatorLimits, TargetRecord } from '../iscsi/initiator.ts';
import type { OperationalValues } from '../iscsi/negotiation.ts';
import { reportLunsCdb } from '../scsi/cdb.ts';
import { encodeLunField, LUN_LIMIT } from '../scsi/lun-field.ts';
import { decodeReportLuns } from '../scsi/report-luns.ts';
import { SessionFailure } from './iscsi-connection.ts';
import { openIscsiLun } from './iscsi-lun.ts';
import { createIscsiSession, randomIsid, type IscsiSession } from './iscsi-session.ts';
import { LunError, type IoOptions, type Lun, type LunOpener, type OpenOptions } from './lun.ts';
import { formatPortal, parseLunPath, parsePortalPath, parseTargetPath, type TargetPath } from './lun-path.ts';
import { createScsiUnit } from './scsi-unit.ts';

/** CHAP credentials for a user that a path names; from a file or the environment, never from the path itself. */
export type CredentialResolver = (user: string, target: string | undefined) => InitiatorCredentials | undefined;

export interface OpenerParts {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  /** The iSCSI name of this host: "iqn.2026-11.io.cdctl:host". */
  readonly initiatorName: string;
  readonly credentials?: CredentialResolver;
  /** Opens `/dev/...`; absent where only iSCSI is wanted (inside an array, in simulations). */
  readonly openBlockDevice?: (path: string, options: IoOptions) => Promise<Lun>;
  /** For calls that bring no timeout of their own. */
  readonly timeoutMs?: number;
  /** Operational values that differ from `OWN_VALUES` (src/iscsi/negotiation.ts). */
  readonly values?: OperationalValues;
  readonly limits?: Partial<InitiatorLimits>;
  /** The initiator port of every session; else a random one for each (see `IscsiSessionParts`). */
  readonly isid?: Uint8Array | undefined;
  /** Before each attempt to connect again to a target that was lost; fewer tell callers sooner that it is gone. */
  readonly reconnectPausesMs?: readonly number[];
  /**
   * Each LUN has a session of its own and fails for good once its connection is lost; opened again, it ends what the old
   * session has under way. Nothing is then ever written to what took the LUN's place in between.
   */
  readonly bindToConnection?: boolean;
}

/** Opens LUNs by path; LUNs of one target share one session for as long as any of them is open. */
export interface PathOpener extends LunOpener {
  /**
   * The targets behind a portal (`[iscsi://][user@]host[:port]`), by SendTargets in a discovery session, with CHAP where a
   * user is named. Rejects with `LunError`.
   */
  listTargets(portal: string, options?: IoOptions): Promise<readonly TargetRecord[]>;
  /** The LUNs of the target that an iSCSI URL names (with or without a LUN), by REPORT LUNS. Rejects with `LunError`. */
  reportLuns(url: string, options?: IoOptions): Promise<readonly number[]>;
  /** Logs out of every session that is still in use; nothing can be opened any more. */
  close(): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 30_000;

export function createLunOpener(parts: OpenerParts): PathOpener {
  return new Opener(parts);
}

interface SharedSession {
  readonly session: IscsiSession;
  users: number;
}

class Opener implements PathOpener {
  private readonly parts: OpenerParts;
  private readonly sessions = new Map<string, SharedSession>();
  private readonly isids = new Map<string, Uint8Array>();
  private closed = false;

  constructor(parts: OpenerParts) {
    this.parts = parts;
  }

  async open(path: string, options: OpenOptions = {}): Promise<Lun> {
    const parsed = parseLunPath(path);
    if (parsed.kind === 'block-device') return this.openDevice(path, options);
    const { initiatorPort, steadfast = false } = options;
    const { session, release } = this.acquire(path, parsed, initiatorPort);
    const { clock } = this.parts;
    const ways = { bound: this.isBound(), passesThrough: initiatorPort !== undefined, steadfast };
    try {
      return await openIscsiLun(
        { path, lun: parsed.lun, session, clock, timeoutMs: this.timeout({}), release, ...ways },
        options,
      );
    } catch (error) {
      await release();
      throw error;
    }
  }

  private async openDevice(path: string, options: IoOptions): Promise<Lun> {
    if (this.parts.openBlockDevice) return this.parts.openBlockDevice(path, options);
    throw new LunError('bad-argument', path, `${path}: only iscsi:// paths can be opened here`);
  }

  async listTargets(portal: string, options: IoOptions = {}): Promise<readonly TargetRecord[]> {
    const at = parsePortalPath(portal);
    const credentials = at.user === undefined ? undefined : this.credentialsOf(portal, at.user, undefined);
    const session = createIscsiSession({
      ...this.sessionParts(),
      portal: at.portal,
      ...(credentials && { credentials }),
    });
    try {
      return await session.sendTargets(this.parts.clock.monotonicMs() + this.timeout(options));
    } catch (error) {
      if (!(error instanceof SessionFailure)) throw error;
      throw new LunError(error.kind, portal, `${portal}: ${error.message}`, { cause: error });
    } finally {
      await session.close();
    }
  }

  async reportLuns(url: string, options: IoOptions = {}): Promise<readonly number[]> {
    const { session, release } = this.acquire(url, parseTargetPath(url));
    try {
      return await this.askLuns(url, session, this.parts.clock.monotonicMs() + this.timeout(options));
    } finally {
      await release();
    }
  }

  /** Asked of LUN 0, which every target has, mapped or not (SPC-4 6.33). */
  private async askLuns(path: string, session: IscsiSession, deadlineMs: number): Promise<readonly number[]> {
    const unit = createScsiUnit({ path, lunField: encodeLunField(0), session, clock: this.parts.clock });
    let length = 4096;
    for (;;) {
      const dataIn = new Uint8Array(length);
      const command = { what: 'REPORT LUNS', cdb: reportLunsCdb(length), dataIn, deadlineMs, repeatable: true };
      const answer = await unit.execute(command);
      const list = decodeReportLuns(dataIn.subarray(0, answer.receivedLength));
      if (!list.ok) throw new LunError('io-error', path, `${path}: ${describeViolation(list.violation)}`);
      const { luns, wholeLength } = list.value;
      const largest = 8 + 8 * (LUN_LIMIT + 1);
      if (wholeLength <= length || length >= largest) return [...new Set(luns)].toSorted((left, right) => left - right);
      length = Math.min(wholeLength, largest);
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    const all = [...this.sessions.values()];
    this.sessions.clear();
    await Promise.all(all.map(({ session }) => session.close()));
  }

  private acquire(
    path: string,
    target: TargetPath,
    port?: Uint8Array,
  ): { session: IscsiSession; release: () => Promise<void> } {
    if (this.closed) throw new LunError('no-path', path, `${path}: nothing is opened any more`);
    const key = JSON.stringify([
      formatPortal(target.portal),
      target.target,
      target.user,
      target.headerDigest,
      target.dataDigest,
      ...(port ? [toHex(port)] : this.isBound() ? [path] : []),
    ]);
    const shared = this.sessions.get(key) ?? { session: this.createSession(path, target, key, port), users: 0 };
    this.sessions.set(key, shared);
    shared.users += 1;
    const release = async (): Promise<void> => {
      shared.users -= 1;
      if (shared.users > 0) return;
      if (this.sessions.get(key) === shared) this.sessions.delete(key);
      await shared.session.close();
    };
    return { session: shared.session, release };
  }

  private createSession(path: string, target: TargetPath, key: string, port?: Uint8Array): IscsiSession {
    const isid = port ?? (this.isBound() ? this.isidOf(key) : undefined);
    const credentials = target.user === undefined ? undefined : this.credentialsOf(path, target.user, target.target);
    return createIscsiSession({
      ...this.sessionParts(),
      portal: target.portal,
      target: target.target,
      ...(credentials && { credentials }),
      requireDigests: { header: target.headerDigest, data: target.dataDigest },
      ...(isid && { isid: Uint8Array.from(isid) }),
    });
  }

  private isBound(): boolean {
    return this.parts.bindToConnection ?? false;
  }

  private isidOf(key: string): Uint8Array {
    const isid = this.isids.get(key) ?? randomIsid(this.parts.random);
    this.isids.set(key, isid);
    return isid;
  }

  private credentialsOf(path: string, user: string, target: string | undefined): InitiatorCredentials {
    const credentials = this.parts.credentials?.(user, target);
    if (credentials) return credentials;
    const message = `${path}: no CHAP secret is known for user ${JSON.stringify(user)}`;
    throw new LunError('bad-argument', path, message, { about: 'secret' });
  }

  private sessionParts(): Omit<Parameters<typeof createIscsiSession>[0], 'portal'> {
    const { transport, clock, random, initiatorName, values, limits, reconnectPausesMs, isid } = this.parts;
    const optional = {
      ...(values && { values }),
      ...(limits && { limits }),
      ...(reconnectPausesMs && { reconnectPausesMs }),
      ...(isid && { isid: Uint8Array.from(isid) }),
    };
    return { transport, clock, random, initiatorName, ...optional };
  }

  private timeout(options: IoOptions): number {
    return options.timeoutMs ?? this.parts.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  }
}
