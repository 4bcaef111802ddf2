import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ConformanceArrays, expectedVerdicts, SUITE_TIMEOUT_MS } from './support/conformance.ts';

/**
 * The same suite, volumes and options as in `iscsi-conformance.test.ts`, through the virtual volumes of another array. The verdicts have
 * profiles of their own in the committed list, and differ from the volumes' own nowhere.
 */

const arrays = new ConformanceArrays();
let url: string;

beforeAll(async () => {
  url = await arrays.serveVirtual(await arrays.serveVolumes());
});

afterAll(() => arrays.stop());

/** Of the volume itself, under the name of its virtual volume. */
function ofTheVolume(profile: string): string[] {
  return expectedVerdicts(profile).map((line) => line.replace(` ${profile} `, ` virtual-${profile} `));
}

const ADVANCED_FORMAT = ['ALL.CompareAndWrite', 'ALL.WriteSame10', 'ALL.WriteSame16', 'ALL.WriteAtomic16.VPD'];

describe('a virtual volume under iscsi-test-cu', () => {
  it.each([
    ['main', ['-t', 'ALL'], [1, 1], 230],
    ['erasable', ['-S', '-t', 'ALL.Sanitize'], [4], 11],
    ['protected', ['-t', 'ALL.ReadOnly'], [2], 1],
    ['advanced-format', ['-t', ADVANCED_FORMAT.join(',')], [3], 26],
  ] as const)(
    'has the verdicts of the volume %s itself',
    async (profile, options, luns, count) => {
      const lines = await arrays.verdicts(`virtual-${profile}`, options, ...luns.map((lun) => `${url}/${lun}`));
      expect(lines).toHaveLength(count);
      expect(lines).toEqual(expectedVerdicts(`virtual-${profile}`));
      expect(lines).toEqual(ofTheVolume(profile));
    },
    SUITE_TIMEOUT_MS + 10_000,
  );
});
