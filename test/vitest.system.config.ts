import { defineConfig } from 'vitest/config';

/** What needs Debian packages, root or real block devices: run by `.ci/run`. */
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/system/**/*.test.ts'],
    // Kills and races take minutes: `npm run test:soak`.
    exclude: ['test/system/kills.test.ts', 'test/system/kills-race.test.ts'],
    globalSetup: 'test/support/run-place.ts',
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 1,
    reporters: process.env['CDCTL_TEST_REPORT']
      ? ['default', ['json', { outputFile: process.env['CDCTL_TEST_REPORT'] }]]
      : ['default'],
  },
});
