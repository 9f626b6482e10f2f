// A ZIP of files as they are, which every system opens. Imports nothing, so that it can be tested
// outside a browser. (APPNOTE.TXT of PKWARE, 4.3: local headers, central directory, its end.)

/** @typedef {{name: string, bytes: Uint8Array}} Entry */

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1;
  return rest >>> 0;
});
const UTF8 = 0x0800; // names are written so
const VERSION = 20;

/**
 * The CRC-32 of bytes, by which a reader sees that nothing was lost.
 * @param {Uint8Array} bytes
 */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/**
 * A moment as the format has it: two 16-bit numbers, time and date, of the reader's own clock.
 * @param {Date} moment
 */
export function dosTime(moment) {
  const time = (moment.getHours() << 11) | (moment.getMinutes() << 5) | (moment.getSeconds() >> 1);
  const date =
    ((moment.getFullYear() - 1980) << 9) | ((moment.getMonth() + 1) << 5) | moment.getDate();
  return { time, date };
}

/**
 * Numbers in little-endian bytes: [value, bytes].
 * @param {[number, number][]} fields
 */
function record(fields) {
  const length = fields.reduce((sum, [, size]) => sum + size, 0);
  const view = new DataView(new ArrayBuffer(length));
  let at = 0;
  for (const [value, size] of fields) {
    if (size === 4) view.setUint32(at, value, true);
    else view.setUint16(at, value, true);
    at += size;
  }
  return new Uint8Array(view.buffer);
}

/**
 * The parts of a ZIP of these files, one behind the other.
 * @param {Entry[]} entries
 * @param {Date} moment
 * @returns {Uint8Array<ArrayBuffer>[]}
 */
export function zipParts(entries, moment) {
  const { time, date } = dosTime(moment);
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const files = [];
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const directory = [];
  let at = 0;
  for (const { name, bytes } of entries) {
    const letters = new TextEncoder().encode(name);
    /** @type {[number, number][]} what both headers say: flags, method (stored), sizes, lengths */
    const shared = [
      [VERSION, 2],
      [UTF8, 2],
      [0, 2],
      [time, 2],
      [date, 2],
      [crc32(bytes), 4],
      [bytes.length, 4],
      [bytes.length, 4],
      [letters.length, 2],
      [0, 2],
    ];
    const local = record([[0x04034b50, 4], ...shared]);
    files.push(local, letters, new Uint8Array(bytes));
    /** @type {[number, number][]} no comment, disk 0, no attributes, where the local header is */
    const place = [
      [0, 2],
      [0, 2],
      [0, 2],
      [0, 4],
      [at, 4],
    ];
    directory.push(record([[0x02014b50, 4], [VERSION, 2], ...shared, ...place]), letters);
    at += local.length + letters.length + bytes.length;
  }
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  /** @type {[number, number][]} */
  const counts = [
    [0, 2],
    [0, 2],
    [entries.length, 2],
    [entries.length, 2],
  ];
  const end = record([[0x06054b50, 4], ...counts, [size, 4], [at, 4], [0, 2]]);
  return [...files, ...directory, end];
}
