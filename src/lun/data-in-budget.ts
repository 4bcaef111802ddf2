/**
 * Data-In that one connection has asked for and not yet taken, in bytes: commands beyond the budget wait, in their order, so
 * that a peer which asks and never reads cannot fill the memory. A command alone may be larger than all of it.
 */
export const DATA_IN_BUDGET = 64 * 1024 * 1024;

export interface BudgetedTask {
  readonly expectedDataIn: number;
  onceAborted(listener: () => void): void;
}

export class DataInBudget<Task extends BudgetedTask> {
  private readonly start: (task: Task) => void;
  /** Of commands under way, and of answers that have not gone out. */
  private charged = 0;
  /** Answers that wait for the next batch, and those of batches that the transport still holds. */
  private answered = 0;
  private held = 0;
  private readonly waiting: Task[] = [];

  constructor(start: (task: Task) => void) {
    this.start = start;
  }

  /** Starts the task, now or when there is room. */
  submit(task: Task): void {
    if (this.waiting.length === 0 && this.fits(task)) return this.begin(task);
    this.waiting.push(task);
    // Whoever aborts a task waits for its end.
    task.onceAborted(() => {
      const at = this.waiting.indexOf(task);
      if (at >= 0) this.begin(...(this.waiting.splice(at, 1) as [Task]));
    });
  }

  /** Its answer is in the next batch. */
  ended(task: Task): void {
    this.answered += task.expectedDataIn;
  }

  /** A batch was handed over with everything answered so far; `taken`: the transport has room for more. */
  sent(taken: boolean): void {
    this.held += this.answered;
    this.answered = 0;
    if (taken) this.drained();
  }

  drained(): void {
    this.charged -= this.held;
    this.held = 0;
    while (this.waiting.length > 0 && this.fits(this.waiting[0]!)) this.begin(this.waiting.shift()!);
  }

  private fits(task: Task): boolean {
    return this.charged === 0 || this.charged + task.expectedDataIn <= DATA_IN_BUDGET;
  }

  private begin(task: Task): void {
    this.charged += task.expectedDataIn;
    this.start(task);
  }
}
