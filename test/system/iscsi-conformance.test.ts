import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatVerdict, readConformanceLog } from './conformance-log.ts';
import { ConformanceArrays, expectedVerdicts, SUITE_TIMEOUT_MS } from './support/conformance.ts';

/**
 * `iscsi-test-cu` (Debian libiscsi-bin 1.19) against an array of the command line, every verdict compared with
 * `fixtures/conformance/iscsi-test-cu.txt`. A skip is a skip, not a pass, and must have the reason that it had. After a
 * change that is meant: CDCTL_CONFORMANCE_OUT=<file> writes the verdicts as they are.
 */

const arrays = new ConformanceArrays();
let url: string;

beforeAll(async () => {
  url = await arrays.serveVolumes();
});

afterAll(() => arrays.stop());

describe('the reader of the log', () => {
  it('tells skips and failures from passes, whatever stands around them', () => {
    const log = [
      'Suite: Read6',
      '  Test: Simple ...    Read a block',
      'passed',
      '  Test: Silent ...passed',
      '  Test: Late ...    [SKIPPED] no such thing',
      'passed    [FAILED] PRIN command: clean-up of the suite',
      'Suite: Write',
      '  Test: Noisy ...    [FAILED] expected by the test',
      'passed',
      '  Test: Broken ...    [FAILED] what it saw',
      'FAILED',
      '    1. test_a.c:71  - CU_FAIL("x")',
      '    2. test_a.c:99  - CU_ASSERT_EQUAL(ret,0)',
      '               tests      5      5      4      1        0',
    ];
    const { verdicts: found, ran } = readConformanceLog(log.join('\n'));
    expect(ran).toBe(5);
    expect(found.map((verdict) => formatVerdict('x', verdict))).toEqual([
      'PASS x Read6.Simple',
      'SKIP x Read6.Silent it printed nothing',
      'SKIP x Read6.Late no such thing',
      'PASS x Write.Noisy',
      'FAIL x Write.Broken test_a.c:71 test_a.c:99',
    ]);
  });
});

describe('an array under iscsi-test-cu', () => {
  it(
    'answers a thin, removable volume on two paths as expected',
    async () => {
      const lines = await arrays.verdicts('main', ['-t', 'ALL'], `${url}/1`, `${url}/1`);
      expect(lines).toHaveLength(230);
      expect(lines).toEqual(expectedVerdicts('main'));
    },
    SUITE_TIMEOUT_MS + 10_000,
  );

  /** On one path: of two, Sanitize.Reservations leaves a RESERVE(6) on the second, and all behind it conflict with that. */
  it(
    'sanitizes a volume as expected',
    async () => {
      const lines = await arrays.verdicts('erasable', ['-S', '-t', 'ALL.Sanitize'], `${url}/4`);
      expect(lines).toEqual(expectedVerdicts('erasable'));
    },
    SUITE_TIMEOUT_MS + 10_000,
  );

  it('keeps a read-only volume from every write', async () => {
    expect(await arrays.verdicts('protected', ['-t', 'ALL.ReadOnly'], `${url}/2`)).toEqual(
      expectedVerdicts('protected'),
    );
  });

  it('answers a volume with larger physical blocks (512e) as expected', async () => {
    const tests = ['ALL.CompareAndWrite', 'ALL.WriteSame10', 'ALL.WriteSame16', 'ALL.WriteAtomic16.VPD'];
    const lines = await arrays.verdicts('advanced-format', ['-t', tests.join(',')], `${url}/3`);
    expect(lines).toEqual(expectedVerdicts('advanced-format'));
  });
});
