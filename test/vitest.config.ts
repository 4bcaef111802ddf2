import { defineConfig } from 'vitest/config';

/** Everything that needs nothing but Node: `npm test`. */
export default defineConfig({
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/**/*.test.ts'],
    exclude: ['test/system/**'],
    globalSetup: 'test/support/run-place.ts',
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    reporters: process.env['CDCTL_TEST_REPORT']
      ? ['default', ['json', { outputFile: process.env['CDCTL_TEST_REPORT'] }]]
      : ['default'],
  },
});
