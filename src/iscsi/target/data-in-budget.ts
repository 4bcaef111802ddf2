import type { TargetTask } from './task.ts';

/**
 * Holds commands back while what was read for the same connection has not been taken by its initiator: a slow reader, or
 * one that asks for everything at once, costs this much memory and no more. A command counts with all the data that it
 * expects from the moment at which it is carried out, and its data until the transport has sent it.
 */
export class DataInBudget {
  private readonly execute: (task: TargetTask) => void;
  /** Bytes that may be in memory now (`shareOfRoom`); a command that expects more than is left waits its turn. */
  private readonly limit: () => number;
  private readonly waiting: TargetTask[] = [];
  private held = 0;
  private unsent = 0;
  private inTransport = 0;

  constructor(execute: (task: TargetTask) => void, limit: () => number) {
    this.execute = execute;
    this.limit = limit;
  }

  /** Carries the task out, at once or when there is room. */
  begin(task: TargetTask): void {
    if (this.waiting.length === 0 && this.hasRoomFor(task)) return this.start(task);
    this.waiting.push(task);
  }

  /** `byteLength` more wait to be sent. */
  produced(byteLength: number): void {
    this.unsent += byteLength;
  }

  /** The device server is done with the task; what it gave has been counted as produced. */
  ended(task: TargetTask): void {
    this.held -= task.reservedIn;
    task.reservedIn = 0;
    this.proceed();
  }

  /** The transport has been given everything that was produced. */
  taken(): void {
    this.inTransport += this.unsent;
    this.unsent = 0;
  }

  /** The transport has sent what it was given. */
  sent(): void {
    this.inTransport = 0;
    this.proceed();
  }

  /** In the order in which they came. */
  private proceed(): void {
    while (this.waiting.length > 0) {
      const next = this.waiting[0]!;
      if (next.state === 'collecting' && !this.hasRoomFor(next)) return;
      this.waiting.shift();
      if (next.state === 'collecting') this.start(next);
    }
  }

  /** A read longer than the whole budget is let through when it is alone. */
  private hasRoomFor(task: TargetTask): boolean {
    const there = this.held + this.unsent + this.inTransport;
    return task.expectedDataIn === 0 || there === 0 || there + task.expectedDataIn <= this.limit();
  }

  private start(task: TargetTask): void {
    task.reservedIn = task.expectedDataIn;
    this.held += task.reservedIn;
    task.state = 'executing';
    this.execute(task);
  }
}
