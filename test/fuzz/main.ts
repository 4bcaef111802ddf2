import { parseArgs } from 'node:util';
import { FUZZERS } from './all.ts';
import { FuzzFailure, play } from './fuzzer.ts';

const USAGE = `npm run fuzz -- [--seed N] [--count N] [--only NAME]
  --seed N     first round (default 1)
  --count N    rounds of each fuzzer from there (default 1)
  --only NAME  one of: ${FUZZERS.map(({ name }) => name).join(', ')}
exit codes: 0 every promise was kept, 1 one was broken: the message says how to repeat it
`;

/** Plays rounds and says on stdout what came of them. Returns the exit code. */
export async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string', default: '1' },
      count: { type: 'string', default: '1' },
      only: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const chosen = FUZZERS.filter(({ name }) => values.only === undefined || name === values.only);
  if (values.help || chosen.length === 0) {
    process.stdout.write(USAGE);
    return values.help ? 0 : 1;
  }
  let total = 0;
  for (const fuzzer of chosen) {
    const startedMs = Date.now();
    try {
      const executions = await play(fuzzer, Number(values.seed), Number(values.count));
      total += executions;
      process.stdout.write(`${fuzzer.name}: ${executions} executions in ${(Date.now() - startedMs) / 1000} s\n`);
    } catch (error) {
      if (!(error instanceof FuzzFailure)) throw error;
      process.stdout.write(`FUZZ FAIL ${error.message}\n`);
      return 1;
    }
  }
  process.stdout.write(`${total} executions, every promise kept\n`);
  return 0;
}
