import { serialLess } from '../base/serial.ts';
import { decoded, violated, type Decoded } from '../base/violation.ts';
import { NO_TAG } from './header.ts';
import type { TargetList } from './initiator-send-targets.ts';
import type { Task } from './initiator-task.ts';
import type { CommandRequest, ManagementOutcome, SendTargetsOutcome } from './initiator.ts';

/** What this side has asked and the target has not yet answered. */
export type Exchange = { readonly deadlineMs: number } & (
  | { readonly kind: 'command'; readonly task: Task }
  | { readonly kind: 'abort'; readonly task: Task }
  | { readonly kind: 'management'; readonly done: (outcome: ManagementOutcome) => void }
  | { readonly kind: 'text'; readonly list: TargetList; readonly done: (outcome: SendTargetsOutcome) => void }
  /** `doubts`: the number of a rejected command, which the answer shows to be used or not. */
  | { readonly kind: 'ping'; readonly doubts: number | undefined }
  | { readonly kind: 'logout' }
);

/** The exchanges of a session by their initiator task tag. */
export class Exchanges {
  private readonly byTag = new Map<number, Exchange>();
  private nextTag = 1;
  /** Commands that the target has and has not ended. */
  commandCount = 0;

  newTag(): number {
    const tag = this.nextTag;
    this.nextTag = tag === NO_TAG - 1 ? 1 : tag + 1;
    return tag;
  }

  open(tag: number, exchange: Exchange): void {
    this.byTag.set(tag, exchange);
    if (exchange.kind === 'command') this.commandCount += 1;
  }

  get(tag: number): Exchange | undefined {
    return this.byTag.get(tag);
  }

  /** The command under way that was asked for so. */
  taskFor(request: CommandRequest): Task | undefined {
    for (const exchange of this.byTag.values()) {
      if (exchange.kind === 'command' && exchange.task.request === request) return exchange.task;
    }
    return undefined;
  }

  close(tag: number): void {
    if (this.byTag.get(tag)?.kind === 'command') this.commandCount -= 1;
    this.byTag.delete(tag);
  }

  closeAll(): Exchange[] {
    const all = [...this.byTag.values()];
    this.byTag.clear();
    this.commandCount = 0;
    return all;
  }

  /** Those whose time has come. */
  due(nowMs: number): [tag: number, exchange: Exchange][] {
    return [...this.byTag].filter(([, exchange]) => nowMs >= exchange.deadlineMs && !isAbandoned(exchange));
  }

  nextDeadlineMs(): number {
    let next = Infinity;
    for (const exchange of this.byTag.values()) {
      if (exchange.deadlineMs < next && !isAbandoned(exchange)) next = exchange.deadlineMs;
    }
    return next;
  }

  /**
   * The command with this tag; undefined for one that has ended already, whose late PDUs are ignored. A tag that was
   * never given out, or not to a command, is a violation.
   */
  taskOf(tag: number): Decoded<Task | undefined> {
    const exchange = this.byTag.get(tag);
    if (exchange?.kind === 'command') return decoded(exchange.task);
    if (!exchange && serialLess(tag, this.nextTag)) return decoded(undefined);
    return violated('InitiatorTaskTag', `0x${tag.toString(16)}`, 'the tag of a command');
  }
}

/** The caller of an abandoned command has gone; its abort is what is waited for now. */
function isAbandoned(exchange: Exchange): boolean {
  return exchange.kind === 'command' && exchange.task.abandoned;
}
