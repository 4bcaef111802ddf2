import { expect, it } from 'vitest';
import { HEADER_LAYOUTS } from '../../../src/array/journal/header.ts';
import { recordLayout } from '../../../src/array/journal/record.ts';
import { sanitizeLayout } from '../../../src/array/sanitize/sanitize-record.ts';
import { intentLayout } from '../../../src/array/store/intent-log.ts';
import { keyLayout } from '../../../src/array/store/volume-key.ts';
import { layoutTable } from '../../../src/base/layout-document.ts';
import { readText, renewing, writeText } from '../../support/fixture.ts';

const README = 'src/array/store/README.md';

const SECTIONS: Readonly<Record<string, string>> = {
  'volume key': layoutTable(keyLayout),
  intent: layoutTable(intentLayout),
  sanitize: layoutTable(sanitizeLayout),
  'journal record': layoutTable(recordLayout),
  'journal header': layoutTable(HEADER_LAYOUTS.fixed),
  'lineage entry': layoutTable(HEADER_LAYOUTS.lineage),
  'pair row': layoutTable(HEADER_LAYOUTS.pair),
  life: layoutTable(HEADER_LAYOUTS.life),
};

function renewed(readme: string): string {
  return readme.replaceAll(/<!-- generated: (.+?) -->\n[^]*?<!-- end -->/g, (_whole, name: string) => {
    return `<!-- generated: ${name} -->\n\n${SECTIONS[name]!}\n\n<!-- end -->`;
  });
}

if (renewing) writeText(README, renewed(readText(README)));

it('the documentation of the storage shows what the layouts say', () => {
  const readme = readText(README);
  expect(readme).toBe(renewed(readme));
  expect(Array.from(readme.matchAll(/<!-- generated: (.+?) -->/g), ([, name]) => name)).toEqual(Object.keys(SECTIONS));
});
