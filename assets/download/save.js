// Files for the reader, and lines of words that fit a width.

/**
 * Put a blob into the reader's downloads.
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/**
 * A line in pieces of at most `most` letters, broken between words.
 * @param {string} line
 * @param {number} most
 */
export function wrapped(line, most) {
  const pieces = [""];
  for (const word of line.split(" ")) {
    const longer = `${pieces[pieces.length - 1]} ${word}`.trim();
    if (longer.length > most && pieces[pieces.length - 1]) pieces.push(word);
    else pieces[pieces.length - 1] = longer;
  }
  return pieces;
}
