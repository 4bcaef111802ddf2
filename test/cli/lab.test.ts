import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ended, lineOf, program, start, temporaryDirectory, type Ended } from './support/run-program.ts';
import { onTerminal } from './support/run-on-terminal.ts';

/** Two arrays as processes of their own, commanded by the built program: the whole way over iSCSI. The cases build on each other. */

const place = temporaryDirectory();
const lab = join(place.path, 'lab');
const at = { tokyo: { CDCTL_CONFIG: join(lab, 'tokyo.yaml') }, osaka: { CDCTL_CONFIG: join(lab, 'osaka.yaml') } };
const image = join(place.path, 'image');

type Data = Record<string, any>;

async function json(argv: readonly string[], environment: Readonly<Record<string, string>> = at.tokyo): Promise<Data> {
  const { stdout, code, stderr } = await program(['--json', ...argv], environment);
  expect(stderr, argv.join(' ')).toBe('');
  const lines = stdout.trimEnd().split('\n');
  expect(lines, `${argv.join(' ')}: ${stdout}`).toHaveLength(1);
  return { ...(JSON.parse(lines[0]!) as Data), code };
}

async function cdctl(
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = at.tokyo,
): Promise<Ended> {
  return program(argv, environment);
}

const lab_ = ['--directory', lab] as const;
const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

beforeAll(async () => {
  writeFileSync(image, randomBytes(1024 * 1024));
  const up = await json(['lab', 'up', ...lab_, '--volume-size', '4MiB', '--journal-size', '24MiB']);
  expect(up).toMatchObject({ ok: true, changed: true, code: 0, schema: 'cdctl/lab.up/v1' });
});

afterAll(async () => {
  await program(['lab', 'down', ...lab_]);
  place.remove();
});

describe('the lab', () => {
  it('is up once: a second time changes nothing', async () => {
    const { changed, lab: report } = await json(['lab', 'up', ...lab_]);
    expect(changed).toBe(false);
    expect(report.arrays.map(({ name, state }: Data) => [name, state])).toEqual([
      ['tokyo', 'running'],
      ['osaka', 'running'],
    ]);
    expect(report.links).toEqual([
      { from: 'tokyo', to: 'osaka', state: 'up' },
      { from: 'osaka', to: 'tokyo', state: 'up' },
    ]);
  });

  it.each([
    [['lab', 'up', ...lab_]],
    [['lab', 'down', ...lab_]],
    [['lab', 'fault', 'kill', 'osaka', ...lab_]],
    [['block', 'send', 'tokyo', 'array.show']],
  ])('says in a dry run that it was one: %j', async (argv) => {
    expect(await json([...argv, '--dry-run'])).toMatchObject({ code: 0, changed: false, dryRun: true });
  });

  it('knows an array whose start was killed before it could be noted', async () => {
    const file = join(lab, 'lab.json');
    const recorded = readFileSync(file, 'utf8');
    writeFileSync(file, recorded.replace(/,\s*"pid": \d+/, ''));
    const { lab: report } = await json(['lab', 'status', ...lab_]);
    writeFileSync(file, recorded);
    expect(JSON.stringify(report.arrays.map(({ pid }: Data) => pid))).toBe(
      JSON.stringify(JSON.parse(recorded).arrays.map(({ pid }: Data) => pid)),
    );
  });

  it('gives each site a configuration that reaches both arrays', async () => {
    for (const environment of [at.tokyo, at.osaka]) {
      expect((await cdctl(['config', 'check'], environment)).code).toBe(0);
      const { arrays, ok } = await json(['lun', 'list'], environment);
      expect(ok).toBe(true);
      expect(
        arrays.map(({ volumes }: Data) =>
          volumes.filter(({ kind }: Data) => kind === 'volume').map(({ lun, name }: Data) => [lun, name]),
        ),
      ).toEqual([
        [
          [10, 'data'],
          [11, 'log'],
        ],
        [
          [10, 'data'],
          [11, 'log'],
        ],
      ]);
    }
  });

  it('keeps a second process off an array', async () => {
    const { code, stderr } = await cdctl(['array', 'serve', join(lab, 'tokyo')]);
    expect(code).toBe(7);
    expect(stderr).toMatch(/why: +process \d+ \(cdctl array serve .*tokyo\) since .*Z holds it/);
  });
});

describe('LUNs', () => {
  it('are shown with identity, capacity and label', async () => {
    const shown = await json(['lun', 'show', 'tokyo/command']);
    expect(shown['label']).toMatchObject({ arraySerial: 'TK000001', arrayName: 'tokyo' });
    const data = await json(['lun', 'show', 'tokyo/10']);
    expect(data['label']).toBeUndefined();
    expect(data['capacity']).toEqual({ blockSize: 512, blockCount: 8192 });
  });

  it('are listed by REPORT LUNS too', async () => {
    const { arrays } = await json(['lab', 'status', ...lab_]).then(({ lab: report }) => report as Data);
    const { host, port, targetName } = arrays[0];
    const { portal } = await json(['lun', 'list', `iscsi://${host}:${port}/${targetName}`]);
    expect(portal.luns).toEqual([0, 1, 10, 11, 20, 30]);
  });

  it.each([
    ['a LUN that does not exist', ['lun', 'show', 'tokyo/99'], 2, /has no LUN "99"/],
    ['an array that does not exist', ['lun', 'show', 'kyoto/10'], 2, /no array "kyoto"/],
    ['an array that this site is not attached to', ['lun', 'show', 'osaka/data'], 3, /has no portal/],
    [
      'a journal',
      ['lun', 'write', 'tokyo/journal', '--input', image, '--confirm', 'tokyo/journal'],
      8,
      /is a journal volume/,
    ],
    [
      'a command device',
      ['lun', 'write', 'tokyo/command', '--input', image, '--confirm', 'tokyo/command'],
      8,
      /is a command device/,
    ],
    ['no confirmation', ['lun', 'write', 'tokyo/data', '--input', image], 8, /--confirm tokyo\/data/],
    [
      'another confirmation',
      ['lun', 'write', 'tokyo/data', '--input', image, '--confirm', 'tokyo/log'],
      8,
      /"tokyo\/log" was given/,
    ],
    [
      'what does not fit',
      ['lun', 'write', 'tokyo/data', '--input', image, '--lba', '8000', '--confirm', 'tokyo/data'],
      2,
      /do not fit/,
    ],
    [
      'half a block',
      ['lun', 'write', 'tokyo/data', '--input', '/proc/self/cmdline', '--confirm', 'tokyo/data'],
      2,
      /no whole number of blocks/,
    ],
    ['a read behind the end', ['lun', 'read', 'tokyo/data', '--lba', '8192'], 2, /do not exist/],
  ] as const)('refuse %s', async (_, argv, code, message) => {
    const ran = await cdctl(argv);
    expect(ran.code).toBe(code);
    expect(ran.stderr).toMatch(message);
  });

  it('are written and read back, a dry run writes nothing', async () => {
    const write = ['lun', 'write', 'tokyo/data', '--input', image, '--lba', '16'];
    expect(await json([...write, '--dry-run'])).toMatchObject({ changed: false, dryRun: true, blockCount: 2048 });
    const before = await json(['lun', 'read', 'tokyo/data', '--lba', '16', '--count', '2']);
    expect(before['bytes']).toBe('00'.repeat(1024));
    expect(await json([...write, '--confirm', 'tokyo/data'])).toMatchObject({ ok: true, changed: true });
    const copy = join(place.path, 'copy');
    expect((await cdctl(['lun', 'read', 'tokyo/data', '--lba', '16', '--count', '2048', '--output', copy])).code).toBe(
      0,
    );
    expect(sha256(copy)).toBe(sha256(image));
  });

  it('come through a pipe whole', async () => {
    const { stdout, code } = await cdctl(['lun', 'read', 'tokyo/data', '--count', '2000', '--json']);
    expect(code).toBe(0);
    expect((JSON.parse(stdout) as Data)['bytes']).toHaveLength(2000 * 1024);
  });
});

describe('interface blocks', () => {
  it('are sent and answered', async () => {
    const { reply, process, changed } = await json(['block', 'send', 'osaka', 'array.show']);
    expect({ process, changed, serial: reply.header.serial }).toEqual({
      process: 'array.show',
      changed: false,
      serial: 'OS000001',
    });
  });

  it('are encoded, sent as they are, read as a slot and decoded', async () => {
    const file = join(place.path, 'request');
    const made = await json(['block', 'encode', '0x1', '--serial', 'TK000001', '--output', file]);
    expect(made['description']).toMatchObject({ processName: 'array.show', block: { arraySerial: 'TK000001' } });
    const { answer, sent } = await json(['block', 'send', 'tokyo', '--file', file, '--confirm', 'tokyo']);
    expect(sent.processName).toBe('array.show');
    expect(answer.reply.header).toMatchObject({ serial: 'TK000001', name: 'tokyo' });
  });

  it('that name another array, are torn or forged, or have an unknown process are refused by the array', async () => {
    const file = join(place.path, 'wrong');
    await cdctl(['block', 'encode', 'array.show', '--serial', 'OS000001', '--output', file]);
    const other = await json(['block', 'send', 'tokyo', '--file', file, '--confirm', 'tokyo']);
    expect(other).toMatchObject({ code: 8, ok: false, error: { status: 'wrong-array' } });
    const torn = readFileSync(file);
    torn[300] = 1;
    writeFileSync(file, torn);
    expect(await json(['block', 'send', 'tokyo', '--file', file, '--confirm', 'tokyo'])).toMatchObject({
      code: 5,
      error: { status: 'bad-block' },
    });
    expect((await cdctl(['block', 'decode', file])).code).toBe(1);
    expect((await cdctl(['block', 'send', 'tokyo', 'array.explode'])).code).toBe(2);
  });

  it('of a label are decoded', async () => {
    const file = join(place.path, 'label');
    await cdctl(['lun', 'read', 'tokyo/command', '--count', '8', '--output', file]);
    const { code, stdout } = await cdctl(['block', 'decode', file]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/arraySerial = "TK000001"/);
  });
});

describe('a pair', () => {
  it('that does not exist is absent', async () => {
    expect((await json(['pair', 'show', 'oradb']))['groups'][0].verdict.kind).toBe('absent');
    expect((await cdctl(['pair', 'check', 'oradb'])).code).toBe(1);
    expect((await cdctl(['pair', 'check', 'oradb', '--state', 'absent'])).code).toBe(0);
    expect((await cdctl(['pair', 'show', 'sybdb'])).code).toBe(2);
  });

  it('is planned without a byte being written', async () => {
    const { changed, plan } = await json(['pair', 'create', 'oradb', '--primary', 'tokyo', '--dry-run']);
    expect(changed).toBe(false);
    expect(plan.map(({ id, array, process }: Data) => [id, array, process])).toEqual([
      ['S1101', 'tokyo', 'pair.create'],
      ['S1102', 'osaka', 'pair.create'],
      ['S1101', 'tokyo', 'pair.create'],
      ['S1102', 'osaka', 'pair.create'],
    ]);
    expect(plan[0].block.input.header).toMatchObject({ group: 'oradb', primaryLun: 10, primarySerial: 'TK000001' });
    expect((await json(['pair', 'show', 'oradb']))['groups'][0].verdict.kind).toBe('absent');
  });

  it('is formed, once', async () => {
    expect(await json(['pair', 'create', 'oradb', '--primary', 'tokyo'])).toMatchObject({ ok: true, changed: true });
    expect(await json(['pair', 'create', 'oradb', '--primary', 'tokyo'])).toMatchObject({ ok: true, changed: false });
    expect(await json(['replicate', 'oradb', '--once'], at.tokyo).catch(() => 'stream')).toBe('stream');
  });

  it('follows after cycles', async () => {
    const { code, stdout } = await cdctl(['replicate', 'oradb', '--until-empty', '--json']);
    expect(code).toBe(0);
    const events = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Data);
    expect(events[0]).toMatchObject({ schema: 'cdctl/replicate/v1', event: 'hello' });
    expect(events.at(-1)).toMatchObject({ event: 'end', ok: true, groups: [{ group: 'oradb', complete: true }] });
    expect(
      (await cdctl(['pair', 'check', 'oradb', '--consistent', '--primary', 'tokyo', '--max-lag', '1m'])).code,
    ).toBe(0);
    expect((await cdctl(['pair', 'wait', 'oradb', '--until', 'empty'])).code).toBe(0);
  });

  it('of the configuration that the arrays do not have is told, and the group does not pass for sound', async () => {
    const wider = join(lab, 'wider.yaml');
    const source = readFileSync(join(lab, 'tokyo.yaml'), 'utf8');
    const vault = source.replace(/^( +)log: .*$/m, '$&\n$1vault: { tokyo: 30, osaka: 30 }');
    writeFileSync(wider, vault);
    const checked = await cdctl(['pair', 'check', 'oradb', '--config', wider]);
    expect(checked.code).toBe(1);
    expect(checked.stdout).toMatch(/fails {2}pairs: pair vault of the configuration is not formed at tokyo: LUN 30/);
    const shown = await cdctl(['pair', 'show', 'oradb', '--config', wider]);
    expect([shown.code, shown.stdout]).toEqual([0, expect.stringMatching(/note: pair vault .* at osaka/)]);
    const planned = await cdctl(['swap', 'oradb', '--to', 'osaka', '--dry-run', '--config', wider]);
    expect([planned.code, planned.stdout]).toEqual([0, expect.stringMatching(/note: pair vault .* at osaka/)]);
    expect((await cdctl(['pair', 'check', 'oradb'])).code).toBe(0);
  });

  it('draws its journals, in ASCII where there is nothing else', async () => {
    await cdctl(['lun', 'write', 'tokyo/data', '--input', image, '--confirm', 'tokyo/data']);
    const unicode = await cdctl(['journal', 'show', 'oradb']);
    expect(unicode.stdout).toMatch(/head │█+░+│ end\n.*stored 1 record\b/);
    const ascii = await cdctl(['journal', 'show', 'oradb'], { ...at.tokyo, LANG: 'C' });
    expect(ascii.stdout).toMatch(/head \|#+\.+\| end/);
    expect(ascii.stdout).toMatch(/restoration completed \(1531\)/);
  });

  it('is brought on step by step: acquire, restore, purge', async () => {
    for (const verb of ['acquire', 'restore', 'purge']) {
      expect(await json(['journal', verb, 'oradb', '--dry-run']), verb).toMatchObject({ changed: false, dryRun: true });
      expect(await json(['journal', verb, 'oradb']), verb).toMatchObject({ ok: true, changed: true });
      await cdctl(['pair', 'wait', 'oradb', '--until', 'pair']);
      if (verb === 'acquire') await acquired();
    }
    expect((await cdctl(['pair', 'wait', 'oradb', '--until', 'empty'])).code).toBe(0);
    expect(await json(['journal', 'purge', 'oradb'])).toMatchObject({ ok: true, changed: false });
  });

  it('refuses writes at the auxiliary side', async () => {
    const { code, stderr } = await cdctl(
      ['lun', 'write', 'osaka/data', '--input', image, '--confirm', 'osaka/data'],
      at.osaka,
    );
    expect(code).toBe(5);
    expect(stderr).toMatch(/write-protected/);
  });

  it('is split and resumed', async () => {
    expect(await json(['pair', 'split', 'oradb'])).toMatchObject({ changed: true, verdict: { kind: 'suspended' } });
    expect(await json(['pair', 'split', 'oradb'])).toMatchObject({ changed: false });
    expect((await cdctl(['pair', 'wait', 'oradb', '--until', 'pair'])).code).toBe(1);
    const cycled = await cdctl(['replicate', 'oradb', '--once']);
    expect(cycled).toMatchObject({ code: 1, stderr: expect.stringContaining('the group is suspended (split)') });
    expect(await json(['pair', 'resync', 'oradb'])).toMatchObject({ changed: true });
    expect((await cdctl(['replicate', 'oradb', '--until-empty'])).code).toBe(0);
  });
});

/** Until the auxiliary has read what it was ordered to read. */
async function acquired(): Promise<void> {
  for (;;) {
    const { groups } = await json(['journal', 'show', 'oradb']);
    const journal = groups[0].observation.sides[1].journal as Data;
    if (journal['readSequence'] === journal['toBeReadSequence']) return;
  }
}

describe('a wait', () => {
  it('ends by a signal, and says that it did not get what it waited for', async () => {
    const waiting = start(['--verbose', 'pair', 'wait', 'oradb', '--until', 'suspended'], at.tokyo);
    const end = ended(waiting);
    await new Promise((resolve) => waiting.stderr!.once('data', resolve));
    waiting.kill('SIGTERM');
    const { code, stderr } = await end;
    expect(code).toBe(9);
    expect(stderr).toMatch(/SIGTERM: finishing what is in hand[\s\S]*not suspended/);
  });

  it('ends by its timeout', async () => {
    const { code, stderr } = await cdctl(['pair', 'wait', 'oradb', '--until', 'suspended', '--timeout', '300ms']);
    expect(code).toBe(6);
    expect(stderr).toMatch(/not suspended/);
  });
});

describe('the replication loop', () => {
  it('excludes another one, and ends with its cycle on SIGTERM', async () => {
    const loop = start(['replicate', 'oradb', '--interval', '200ms', '--json'], at.tokyo);
    const end = ended(loop);
    await lineOf(loop, (line) => line.includes('"cycle-done"'));
    const second = await json(['replicate', 'oradb', '--once', '--dry-run']).catch(() => undefined);
    expect(second).toBeUndefined();
    const { code, stderr } = await cdctl(['replicate', 'oradb', '--once']);
    expect(code).toBe(7);
    expect(stderr).toMatch(new RegExp(`process ${loop.pid} \\(cdctl replicate oradb\\) since .*Z holds the lock`));
    loop.kill('SIGTERM');
    const { code: last, stdout, stderr: quiet } = await end;
    expect({ last, quiet }).toEqual({ last: 0, quiet: '' });
    const lines = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Data);
    expect(lines.at(-1)).toMatchObject({ event: 'end', ok: true });
  });

  it('leaves its lock to the kernel when it is killed', async () => {
    const loop = start(['replicate', 'oradb', '--interval', '10s', '--json'], at.tokyo);
    const end = ended(loop);
    await lineOf(loop, (line) => line.includes('"cycle-done"'));
    loop.kill('SIGKILL');
    expect((await end).signal).toBe('SIGKILL');
    expect((await cdctl(['replicate', 'oradb', '--once'])).code).toBe(0);
  });

  it.each([[{ columns: 80, rows: 24 }], [{ columns: 0, rows: 0 }]])(
    'comes to an end on a terminal of %j',
    async (size) => {
      await cdctl(['lun', 'write', 'tokyo/data', '--input', image, '--confirm', 'tokyo/data']);
      const { code, killed, output } = await onTerminal(['replicate', 'oradb', '--until-empty'], size, at.tokyo);
      expect({ code, killed }).toEqual({ code: 0, killed: false });
      expect(output).toContain('all restored');
    },
  );
});

describe('faults, swap and takeover', () => {
  it('the pair swaps without loss, and again is no change', async () => {
    expect(await json(['swap', 'oradb', '--to', 'osaka', '--dry-run'])).toMatchObject({ changed: false });
    expect(await json(['swap', 'oradb', '--to', 'osaka'])).toMatchObject({ changed: true, primary: 'osaka' });
    expect(await json(['swap', 'oradb', '--to', 'osaka'])).toMatchObject({ changed: false });
    const copy = join(place.path, 'swapped');
    await cdctl(['lun', 'read', 'osaka/data', '--count', '2048', '--output', copy], at.osaka);
    expect(sha256(copy)).toBe(sha256(image));
    expect(
      (await cdctl(['lun', 'write', 'osaka/data', '--input', image, '--confirm', 'osaka/data'], at.osaka)).code,
    ).toBe(0);
    expect((await cdctl(['replicate', 'oradb', '--until-empty'], at.osaka)).code).toBe(0);
  });

  it('an array that is paused is a timeout or no path, and comes back', async () => {
    expect(await json(['lab', 'fault', 'pause', 'osaka', ...lab_])).toMatchObject({ changed: true });
    expect([4, 6]).toContain((await cdctl(['block', 'send', 'osaka', 'array.show', '--timeout', '1s'])).code);
    expect(await json(['lab', 'fault', 'resume', 'osaka', ...lab_])).toMatchObject({ changed: true });
    expect((await cdctl(['block', 'send', 'osaka', 'array.show'])).code).toBe(0);
  });

  it('a link that is down leaves half a picture', async () => {
    await cdctl(['lab', 'fault', 'link-down', 'tokyo', ...lab_]);
    const { code, stdout } = await cdctl(['pair', 'show', 'oradb', '--timeout', '2s']);
    expect(code).toBe(9);
    expect(stdout).toMatch(/osaka {2}does not answer/);
    await cdctl(['lab', 'fault', 'link-up', 'tokyo', ...lab_]);
    expect((await cdctl(['pair', 'check', 'oradb'])).code).toBe(0);
  });

  it('when the primary site dies the other takes over, after it was confirmed', async () => {
    expect(await json(['lab', 'fault', 'kill', 'osaka', ...lab_])).toMatchObject({ changed: true });
    expect(await json(['lab', 'fault', 'kill', 'osaka', ...lab_])).toMatchObject({ changed: false });
    const takeover = ['takeover', 'oradb', '--at', 'tokyo'];
    expect((await cdctl(takeover)).code).toBe(8);
    const typed = await onTerminal(takeover, { columns: 80, rows: 24 }, at.tokyo, 'nonsense');
    expect(typed.code).toBe(8);
    const { code, output } = await onTerminal(takeover, { columns: 80, rows: 24 }, at.tokyo, 'oradb');
    expect({ code, output }).toMatchObject({ code: 0, output: expect.stringContaining('taken over') as string });
    expect(await json([...takeover, '--confirm', 'oradb'])).toMatchObject({ changed: false });
    expect((await cdctl(['lun', 'write', 'tokyo/data', '--input', image, '--confirm', 'tokyo/data'])).code).toBe(0);
  });

  it('an array comes back on its port with its data, and the pair after a resync', async () => {
    const before = await json(['lab', 'status', ...lab_]);
    const after = await json(['lab', 'fault', 'start', 'osaka', ...lab_]);
    expect(after['lab'].arrays.map(({ port }: Data) => port)).toEqual(
      before['lab'].arrays.map(({ port }: Data) => port),
    );
    const plain = await cdctl(['pair', 'resync', 'oradb', '--from', 'tokyo']);
    if (plain.code !== 0) {
      expect(plain.code).toBe(8);
      const discard = await cdctl([
        'pair',
        'resync',
        'oradb',
        '--from',
        'tokyo',
        '--discard',
        'osaka',
        '--confirm',
        'oradb',
      ]);
      expect(discard, discard.stderr).toMatchObject({ code: 0 });
    }
    expect((await cdctl(['replicate', 'oradb', '--until-empty'])).code).toBe(0);
    expect((await cdctl(['pair', 'check', 'oradb', '--primary', 'tokyo'])).code).toBe(0);
  });

  it('the pair is dissolved, after it was confirmed', async () => {
    expect((await cdctl(['pair', 'delete', 'oradb'])).code).toBe(8);
    expect(await json(['pair', 'delete', 'oradb/log', '--confirm', 'oradb/log'])).toMatchObject({ changed: true });
    expect(await json(['pair', 'delete', 'oradb', '--confirm', 'oradb'])).toMatchObject({
      changed: true,
      verdict: { kind: 'absent' },
    });
    expect(await json(['pair', 'delete', 'oradb', '--confirm', 'oradb'])).toMatchObject({ changed: false });
  });
});

describe('the management terminal', () => {
  const tokyo = join(lab, 'tokyo');

  it('shows and edits the tables of a running array', async () => {
    const map = [
      'array',
      'map',
      tokyo,
      '--lun',
      '31',
      '--name',
      'far-log',
      '--target-serial',
      'OS000001',
      '--target-lun',
      '11',
    ];
    expect(await json([...map, '--dry-run'])).toMatchObject({ changed: false, dryRun: true });
    expect(await json(map)).toMatchObject({ changed: true });
    expect(await json(map)).toMatchObject({ changed: false });
    expect((await json(['array', 'show', tokyo]))['array'].lunMap.map(({ lun }: Data) => lun)).toEqual([1, 30, 31]);
    expect(await json(['array', 'unmap', tokyo, '--lun', '31'])).toMatchObject({ changed: true });
    const volume = ['array', 'volume', 'add', tokyo, '--lun', '12', '--name', 'more', '--size', '1MiB'];
    expect(await json(volume)).toMatchObject({ changed: true });
    expect(await json(volume)).toMatchObject({ changed: false });
    expect((await cdctl(volume)).stdout).toMatch(/^already so/);
    expect((await cdctl(['lun', 'read', 'tokyo/more'])).code).toBe(0);
  });

  it('is no reason to guess: a name that another LUN has as its number, or as its name too, opens neither', async () => {
    for (const [lun, name] of [
      ['13', '10'],
      ['14', 'log'],
    ] as const) {
      await json(['array', 'volume', 'add', tokyo, '--lun', lun, '--name', name, '--size', '1MiB']);
      const { code, stderr } = await cdctl(['lun', 'write', `tokyo/${name}`, '--input', image, '--confirm', 'x']);
      expect(code).toBe(2);
      expect(stderr).toContain(`LUN ${lun} is called "${name}"`);
    }
    expect((await cdctl(['lun', 'read', 'tokyo/data'])).code).toBe(0);
  });

  it.each([
    [
      'a LUN in use',
      ['array', 'map', tokyo, '--lun', '10', '--name', 'x', '--target-serial', 'OS000001', '--target-lun', '10'],
      /LUN 10 is data already/,
    ],
    [
      'an array that is not known',
      ['array', 'map', tokyo, '--lun', '40', '--name', 'x', '--target-serial', 'KY000001', '--target-lun', '0'],
      /not registered as a remote/,
    ],
    [
      'a command device that is none',
      ['array', 'command-device', 'add', tokyo, '--lun', '10', '--device-serial', 'TK000001', '--device-name', 'tokyo'],
      /no command device/,
    ],
    ['a remote in use', ['array', 'remote', 'remove', tokyo, '--serial', 'OS000001'], /mapped to array/],
  ] as const)('refuses %s', async (_, argv, message) => {
    const { code, stderr } = await cdctl(argv);
    expect(code).toBe(5);
    expect(stderr).toMatch(message);
  });
});

describe('the end', () => {
  it('stops what runs, keeps the files of a directory that was named, and is no change the second time', async () => {
    expect(await json(['lab', 'down', ...lab_])).toMatchObject({ ok: true, changed: true, removed: false });
    expect(existsSync(join(lab, 'tokyo', 'store'))).toBe(true);
    expect(await json(['lab', 'down', ...lab_])).toMatchObject({ ok: true, changed: false });
    const { code, stderr } = await cdctl(['array', 'show', join(lab, 'tokyo')]);
    expect(code).toBe(4);
    expect(stderr).toMatch(/next: +start it: cdctl array serve/);
    expect((await cdctl(['lun', 'list', 'tokyo'])).code).toBe(4);
  });
});
