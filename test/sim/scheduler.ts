import type { Clock, Timer } from '../../src/base/clock.ts';

interface Event {
  readonly dueMs: number;
  readonly order: number;
  callback: (() => void) | undefined;
}

/** Virtual time: a heap of events by time, then by order of their making. Nothing else moves the world. */
export interface Scheduler {
  nowMs(): number;
  /** A number that rises with each call: the order of moments that the virtual time does not tell apart. */
  tick(): number;
  events(): number;
  after(delayMs: number, callback: () => void): Timer;
  /** Fires the next event and lets everything run that follows from it without waiting. False: none is left. */
  step(): Promise<boolean>;
}

export function createScheduler(): Scheduler {
  const heap: Event[] = [];
  let nowMs = 0;
  let order = 0;
  let moment = 0;
  let events = 0;

  const earlier = (left: Event, right: Event): boolean =>
    left.dueMs < right.dueMs || (left.dueMs === right.dueMs && left.order < right.order);

  function push(event: Event): void {
    let at = heap.push(event) - 1;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!earlier(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  function pop(): Event | undefined {
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && earlier(heap[child + 1]!, heap[child]!)) child += 1;
      if (!earlier(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }

  return {
    nowMs: () => nowMs,
    tick: () => (moment += 1),
    events: () => events,
    after(delayMs, callback) {
      const event: Event = { dueMs: nowMs + Math.max(0, delayMs), order: (order += 1), callback };
      push(event);
      return { cancel: () => void (event.callback = undefined) };
    },
    step() {
      for (let event = pop(); event; event = pop()) {
        if (!event.callback) continue;
        nowMs = event.dueMs;
        events += 1;
        const { callback } = event;
        event.callback = undefined;
        callback();
        return settled(events);
      }
      return Promise.resolve(false);
    },
  };
}

/**
 * Everything has run that needs no further event: a tick comes when the queue of microtasks is empty, and costs no turn of
 * the event loop. Now and then it has its turn all the same, because only then unhandled rejections are reported.
 */
function settled(events: number): Promise<true> {
  return new Promise((resolve) => {
    if (events % 64 === 0) setImmediate(resolve, true);
    else process.nextTick(resolve, true);
  });
}

/** One life of a party: from its start to its death. What it began and what still waits for it dies with it. */
export interface Life {
  alive: boolean;
  /** Stopped as by SIGSTOP until then: what happens to it meanwhile it learns afterwards, in that order. */
  resumesMs?: number;
  /** What happened to it meanwhile, in that order. */
  asleep?: Array<() => void>;
  /** Timers of its clock that have not fired. */
  timers?: number;
  /** How far its wall clock is off. */
  wallOffsetMs?: number;
}

/** Does something to a party that lives, when it runs. */
export function reach(scheduler: Scheduler, life: Life, act: () => void): void {
  if (!life.alive) return;
  if (standsStill(scheduler, life)) onceAwake(scheduler, life, () => reach(scheduler, life, act));
  else act();
}

export function standsStill(scheduler: Scheduler, life: Life): boolean {
  return (life.resumesMs ?? 0) > scheduler.nowMs();
}

/** For a party that stands still: it goes on, or has died, and learns one thing after the other. */
export function onceAwake(scheduler: Scheduler, life: Life, act: () => void): void {
  if (life.asleep) return void life.asleep.push(act);
  life.asleep = [act];
  const wake = (): void => {
    if (standsStill(scheduler, life)) return void scheduler.after(life.resumesMs! - scheduler.nowMs(), wake);
    const meanwhile = life.asleep ?? [];
    delete life.asleep;
    for (const next of meanwhile) scheduler.after(0, next);
  };
  wake();
}

type Death = (powerCut: boolean) => void;

const deaths = new WeakMap<Life, Set<Death>>();

/** Returns what ends the watch: who has got what he waited for must not be kept until then. */
export function watchDeath(life: Life, callback: Death): () => void {
  const known = deaths.get(life) ?? new Set();
  deaths.set(life, known.add(callback));
  return () => void known.delete(callback);
}

/** Ends a life; connections to it break, unless there is no power left to say so. */
export function end(life: Life, powerCut = false): void {
  life.alive = false;
  const waiting = deaths.get(life);
  deaths.delete(life);
  for (const callback of waiting ?? []) callback(powerCut);
}

const START_WALL_MS = Date.UTC(2026, 10, 2, 3, 4, 5);

/** The clock of a party; its timers do not survive it. */
export function createPartyClock(scheduler: Scheduler, life: Life): Clock {
  return {
    monotonicMs: () => scheduler.nowMs(),
    wallMs: () => START_WALL_MS + Math.floor(scheduler.nowMs()) + (life.wallOffsetMs ?? 0),
    setTimer(delayMs, callback) {
      let over = false;
      life.timers = (life.timers ?? 0) + 1;
      const isFirst = (): boolean => {
        if (over) return false;
        over = true;
        life.timers! -= 1;
        return true;
      };
      const timer = scheduler.after(delayMs, () =>
        reach(scheduler, life, () => {
          if (isFirst()) callback();
        }),
      );
      return {
        cancel() {
          if (isFirst()) timer.cancel();
        },
      };
    },
  };
}

/** Resolves after `delayMs`, if the party still lives. */
export function sleep(scheduler: Scheduler, life: Life, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    scheduler.after(delayMs, () => reach(scheduler, life, resolve));
  });
}
