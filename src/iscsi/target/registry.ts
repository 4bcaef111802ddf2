import { toHex } from '../../base/bytes.ts';
import type { Random } from '../../base/random.ts';
import type { TargetSession } from './session.ts';
import { onceAllEnded, type TargetTask } from './task.ts';
import { TaskOrder } from './task-order.ts';

/** Names an initiator port (RFC 7143 section 4.4.3): `iqn...,i,0x<isid>`. */
export function nexusName(initiatorName: string, isid: Uint8Array): string {
  return `${initiatorName},i,0x${toHex(isid)}`;
}

/** The sessions of one target over all its connections. */
export class SessionRegistry {
  readonly order = new TaskOrder();
  private readonly sessions = new Map<number, TargetSession>();
  /** Tasks of sessions that are gone, which the device server has not let go of yet; by nexus. */
  private readonly lingering = new Map<string, TargetTask[]>();

  all(): TargetSession[] {
    return [...this.sessions.values()];
  }

  get size(): number {
    return this.sessions.size;
  }

  has(tsih: number): boolean {
    return this.sessions.has(tsih);
  }

  /** The normal session of this nexus, which a new login replaces (RFC 7143 section 6.3.5). */
  normalSessionOf(nexus: string): TargetSession | undefined {
    return this.all().find((session) => session.nexus === nexus && !session.discovery);
  }

  add(session: TargetSession): void {
    this.sessions.set(session.tsih, session);
  }

  remove(session: TargetSession, executing: readonly TargetTask[]): void {
    this.sessions.delete(session.tsih);
    if (executing.length === 0) return;
    const tasks = [...(this.lingering.get(session.nexus) ?? []), ...executing];
    this.lingering.set(session.nexus, tasks);
    onceAllEnded(tasks, () => {
      if (this.lingering.get(session.nexus) === tasks) this.lingering.delete(session.nexus);
    });
  }

  /** Calls back when nothing is carried out any more on behalf of earlier sessions of this nexus. */
  onceQuiet(nexus: string, callback: () => void): void {
    onceAllEnded(this.lingering.get(nexus) ?? [], callback);
  }

  /** A session handle that is not in use; never 0. Undefined where all are taken. */
  newTsih(random: Random): number | undefined {
    if (this.sessions.size >= 0xffff) return undefined;
    let tsih = random.below(0xffff) + 1;
    while (this.sessions.has(tsih)) tsih = (tsih % 0xffff) + 1;
    return tsih;
  }
}
