/** Figures of one run, taken in turn so that a drift of the machine's speed hits both sides alike. */
export interface Series {
  readonly name: string;
  /** Milliseconds, one for each round. */
  readonly times: number[];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** Runs each subject once a round, in alternating order; the first round warms up and does not count. */
export async function inTurn(
  rounds: number,
  subjects: ReadonlyArray<readonly [name: string, run: () => Promise<void> | void]>,
): Promise<Series[]> {
  const series = subjects.map(([name]) => ({ name, times: [] as number[] }));
  for (let round = 0; round <= rounds; round += 1) {
    const order = round % 2 === 0 ? subjects.map((_, index) => index) : subjects.map((_, index) => index).toReversed();
    for (const index of order) {
      const started = performance.now();
      await subjects[index]![1]();
      if (round > 0) series[index]!.times.push(performance.now() - started);
    }
  }
  return series;
}

/** The median of the ratios of each round. */
export function ratio(subject: Series, floor: Series): number {
  return median(subject.times.map((time, round) => time / floor.times[round]!));
}

export function line(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function row(name: string, figure: string): void {
  line(`  ${name.padEnd(62)} ${figure}`);
}
