import { describe, expect, it } from 'vitest';
import { findInitiatorName, prepareInitiatorName } from '../../src/cli/initiator-name.ts';
import { parseConfiguration } from '../../src/cli/config/configuration.ts';
import { EXAMPLE } from './support/example-configuration.ts';
import { parseJson, run } from './support/run-in-process.ts';

const NAME = 'iqn.2001-04.com.example:db1';
const file = (line: string) => ({ 'cdctl.yaml': EXAMPLE.replace('version: 1\n', `version: 1\n${line}\n`) });

/** RFC 7143 sections 4.2.7.2 to 4.2.7.6; the examples are those of sections 4.2.7.4 to 4.2.7.6. */
describe('an iSCSI name', () => {
  it.each([
    [
      'iqn.2001-04.com.example:storage:diskarrays-sn-a8675309',
      'iqn.2001-04.com.example:storage:diskarrays-sn-a8675309',
    ],
    ['iqn.2001-04.com.example', 'iqn.2001-04.com.example'],
    ['IQN.2001-04.com.Example:DB1', NAME],
    ['eui.02004567A425678D', 'eui.02004567a425678d'],
    ['naa.52004567BA64678D', 'naa.52004567ba64678d'],
    ['naa.62004567BA64678D0123456789ABCDEF', 'naa.62004567ba64678d0123456789abcdef'],
    ['iqn.2001-04.com.example:größe', 'iqn.2001-04.com.example:größe'],
    ['iqn.2001-04.com.example:gro\u0308\u00dfe', 'iqn.2001-04.com.example:größe'],
    [`${NAME}${'x'.repeat(223 - NAME.length)}`, `${NAME}${'x'.repeat(223 - NAME.length)}`],
  ])('%s goes out as %s', (text, name) => {
    expect(prepareInitiatorName(text)).toEqual({ name });
  });

  it.each([
    ['', 'begins with iqn., eui. or naa.'],
    ['db1', 'begins with iqn., eui. or naa.'],
    ['constructor.1', 'begins with iqn., eui. or naa.'],
    ['iqn.db1', 'year and month'],
    ['iqn.2001-13.com.example', 'year and month'],
    ['iqn.2001-04.', 'year and month'],
    ['iqn.2001-04.com.example:', 'year and month'],
    ['eui.02004567A425678', '16 hexadecimal'],
    ['naa.52004567BA64678D0', '16 or 32 hexadecimal'],
    ['iqn.2001-04.com.example:db_1', '"_" is not allowed'],
    ['iqn.2001-04.com.example: db1', '" " is not allowed'],
    ['iqn.2001-04.com.example:db1\n', '"\\n" is not allowed'],
    ['iqn.2001-04.com.example:db1\0TargetName=x', '"\\u0000" is not allowed'],
    [`${NAME}${'x'.repeat(224 - NAME.length)}`, '224 bytes, 223 are allowed'],
    [`${NAME}${'ß'.repeat(100)}`, '227 bytes, 223 are allowed'],
  ])('%j is none', (text, why) => {
    expect(prepareInitiatorName(text)).toEqual({ why: expect.stringContaining(why) });
  });
});

describe('the name of this host', () => {
  const places = { option: undefined, environment: {}, configured: undefined, hostName: 'Db_1.example' };

  it('comes from the option, the variable, the file, the host name, in this order', () => {
    const environment = { CDCTL_INITIATOR_NAME: 'iqn.2001-04.com.example:VARIABLE' };
    const configured = 'iqn.2001-04.com.example:file';
    expect(findInitiatorName({ ...places, option: NAME, environment, configured })).toEqual({
      name: NAME,
      from: 'option',
    });
    expect(findInitiatorName({ ...places, environment, configured })).toEqual({
      name: 'iqn.2001-04.com.example:variable',
      from: 'environment',
    });
    expect(findInitiatorName({ ...places, configured })).toEqual({ name: configured, from: 'configuration' });
    const made = findInitiatorName(places);
    expect(made).toEqual({ name: 'iqn.2026-11.io.cdctl:host.db-1.example', from: 'default' });
    expect(prepareInitiatorName(made.name)).toEqual({ name: made.name });
  });

  it('stands in the configuration file in small letters', () => {
    const { 'cdctl.yaml': source } = file('initiator-name: IQN.2001-04.com.example:db1');
    expect(parseConfiguration(source, 'cdctl.yaml').initiatorName).toBe(NAME);
  });

  it('is shown by config show, with what gave it', async () => {
    const files = file(`initiator-name: ${NAME}`);
    const environment = { CDCTL_INITIATOR_NAME: 'iqn.2001-04.com.example:other' };
    expect((await run(['config', 'show'], { files })).stdout).toContain(`initiator  ${NAME} (this file)\n`);
    const { initiatorName } = parseJson(await run(['config', 'show', '--json'], { files, environment }));
    expect(initiatorName).toEqual({ name: 'iqn.2001-04.com.example:other', from: 'environment' });
    const option = await run(['config', 'show', '--initiator-name', NAME], { files: file(''), environment });
    expect(option.stdout).toContain(`initiator  ${NAME} (--initiator-name)\n`);
    const made = await run(['config', 'show'], { files: file('') });
    expect(made.stdout).toContain('initiator  iqn.2026-11.io.cdctl:host.here-1 (of the host name)\n');
  });

  it('is refused where it is none: wrong usage, a wrong variable, a wrong line of the file', async () => {
    const option = await run(['config', 'show', '--initiator-name', 'db1'], { files: file('') });
    expect([option.code, option.stdout]).toEqual([2, '']);
    expect(option.stderr).toContain('an iSCSI name begins with iqn., eui. or naa.');
    for (const [value, why] of [
      ['iqn.2001-04.com.example:db_1', '"_" is not allowed in it'],
      ['', 'it is empty'],
    ] as const) {
      const environment = { CDCTL_INITIATOR_NAME: value };
      const variable = await run(['config', 'check'], { files: file(''), environment });
      expect([variable.code, variable.stdout]).toEqual([3, '']);
      expect(variable.stderr).toContain(why);
      expect(variable.stderr).toContain('environment variable CDCTL_INITIATOR_NAME');
    }
    const line = await run(['config', 'check'], { files: file('initiator-name: eui.1') });
    expect([line.code, line.stdout]).toEqual([3, '']);
    expect(line.stderr).toContain('cdctl.yaml:2');
    expect(line.stderr).toContain('initiator-name: "eui.1" is no iSCSI name');
  });
});
