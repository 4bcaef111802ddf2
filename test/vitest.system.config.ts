import { defineConfig } from 'vitest/config';

/** What needs Debian packages, root or real block devices: run by `.ci/run`. */
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/system/**/*.test.ts'],
    // A new course of events at every run: found, reported and replayed by hand (`npm run test:soak`), no gate.
    exclude: ['test/system/kills.test.ts', 'test/system/kills-race.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 1,
    reporters: process.env['CDCTL_TEST_REPORT']
      ? ['default', ['json', { outputFile: process.env['CDCTL_TEST_REPORT'] }]]
      : ['default'],
  },
});
