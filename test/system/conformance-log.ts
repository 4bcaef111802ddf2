/**
 * Reads what `iscsi-test-cu -V` prints. Its own count and exit code take a skipped test for a passed one, and some skips are
 * told nowhere: a test that has run has printed what it did.
 */

export interface Verdict {
  /** `Suite.Test`. */
  readonly test: string;
  readonly verdict: 'PASS' | 'SKIP' | 'FAIL';
  /** Why it was skipped, or which assertions failed. */
  readonly reason: string;
}

export interface ConformanceLog {
  readonly verdicts: readonly Verdict[];
  /** Tests that the tool says it has run. */
  readonly ran: number;
}

interface Open {
  readonly test: string;
  skipped: string;
  printed: boolean;
}

const SKIPPED = /\[SKIPPED\]\s*(.*)/;
const ASSERTION = /^ {4}\d+\. (\S+?:\d+) +- /;

export function readConformanceLog(log: string): ConformanceLog {
  const verdicts: Verdict[] = [];
  let suite = '';
  let ran = 0;
  let open: Open | undefined;
  for (const line of log.split('\n')) {
    suite = /^Suite: (\S+)/.exec(line)?.[1] ?? suite;
    const started = /^ {2}Test: (\S+) \.\.\.(.*)/.exec(line);
    if (started) open = { test: `${suite}.${started[1]}`, skipped: '', printed: false };
    const text = started ? started[2]! : line;
    const ended = open && endOf(open, text);
    if (ended) {
      verdicts.push(ended);
      open = undefined;
    } else if (open) {
      open.skipped ||= SKIPPED.exec(text)?.[1] ?? '';
      open.printed ||= text.trim() !== '';
    } else {
      addAssertion(verdicts, line);
    }
    ran = Number(/^ +tests +\d+ +(\d+)/.exec(line)?.[1] ?? ran);
  }
  return { verdicts, ran };
}

/** What follows the word on its line belongs to the clean-up of the suite. */
function endOf(open: Open, text: string): Verdict | undefined {
  if (text.startsWith('FAILED')) return { test: open.test, verdict: 'FAIL', reason: '' };
  if (!text.startsWith('passed')) return undefined;
  const reason = open.printed ? open.skipped : 'it printed nothing';
  return { test: open.test, verdict: reason === '' ? 'PASS' : 'SKIP', reason };
}

/** The assertions of a failed test are listed after its verdict. */
function addAssertion(verdicts: Verdict[], line: string): void {
  const last = verdicts.at(-1);
  const where = ASSERTION.exec(line)?.[1];
  if (last?.verdict !== 'FAIL' || where === undefined) return;
  verdicts[verdicts.length - 1] = { ...last, reason: last.reason === '' ? where : `${last.reason} ${where}` };
}

export function formatVerdict(profile: string, { test, verdict, reason }: Verdict): string {
  return [verdict, profile, test, reason].join(' ').trim();
}
