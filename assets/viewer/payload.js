// What a payload holds, as core/draw/payload.py writes it. A test compares the two key by key.
// Types alone: nothing here runs. Numbers count from 0.

/**
 * Where an array lies behind the header, as it is sent. `parse` turns it into Numbers.
 * @typedef {object} Place
 * @property {number} at bytes from the header's end
 * @property {"f32" | "i32" | "i16" | "i8" | "u8"} type
 * @property {number[]} shape
 */

/**
 * An array of the payload, in the memory of the payload itself.
 * @typedef {{array: Float32Array | Int32Array | Int16Array | Int8Array | Uint8Array,
 *   shape: number[]}} Numbers
 */

/**
 * Whole numbers (..., n) times a scale (...) of each row; the least number stands for NaN.
 * @typedef {object} Scaled
 * @property {Numbers} values
 * @property {Numbers} scale
 */

/**
 * One attention: its map `rows`, or the factors `q` and `k` and how to `finish` their product.
 * @typedef {object} Block
 * @property {number[]} shape groups, heads, queries, keys, d
 * @property {Layout} layout as it is sent: its index in `layouts`
 * @property {boolean} signed
 * @property {boolean} sums_to_one
 * @property {"softmax" | "cosine" | "linear"} kernel
 * @property {Scaled} [rows] (groups, heads, queries, keys)
 * @property {Scaled} [q] (groups, heads, queries, d)
 * @property {Scaled} [k] (groups, heads, keys, d)
 * @property {"softmax" | "sum" | "none"} [finish]
 * @property {number} [eps] added to the sum of a row before it divides
 */

/**
 * What is the same for all patches, (heads + 2, T*h*w): each head, then their mean and maximum.
 * @typedef {object} Maps
 * @property {Scaled} mean
 * @property {Scaled} [cls]
 */

/**
 * One layer of one tap.
 * @typedef {object} Layer
 * @property {string} tap
 * @property {number} layer
 * @property {Block} main
 * @property {number} bits of the numbers in `main` and `time`: 16 or 8
 * @property {number} top the largest |weight| in `main`
 * @property {Maps} maps
 * @property {Block} [time] the attention over time beside `main`
 * @property {number} [time_top]
 */

/**
 * Queries and keys of one head as they were recorded, and what the kernel does with them.
 * @typedef {object} Pair
 * @property {Numbers} q (groups, queries, d)
 * @property {Numbers} k (groups, keys, d)
 * @property {"softmax" | "cosine" | "linear"} kernel
 * @property {number} scale
 * @property {number} eps
 * @property {boolean} normalised
 */

/**
 * What the weights of one head of a layer come of.
 * @typedef {object} Factors
 * @property {string} tap
 * @property {number} layer
 * @property {number} head
 * @property {Pair} main
 * @property {Pair} [time]
 */

/**
 * From frame to frame, (heads + 2, T, T).
 * @typedef {object} Matrix
 * @property {string} tap "" where it is minus the AM flow
 * @property {number} layer
 * @property {boolean} signed
 * @property {boolean} beside computed beside the network, after the clip
 * @property {Numbers} values
 */

/**
 * One of the model's attentions over space.
 * @typedef {object} Tap
 * @property {string} name
 * @property {string[]} views
 * @property {number} heads
 * @property {number[]} layers
 * @property {boolean} cls whether a class token asks
 * @property {[number, number, number]} [grid] T, h, w where it is not the header's
 */

/**
 * The evidence for a class.
 * @typedef {object} Cam
 * @property {number} target
 * @property {number} probability
 * @property {Scaled} map (1, T*h*w)
 */

/**
 * Which token each row and column of a map is: t*h*w + row*w + col, negative for a class token and
 * for fillers.
 * @typedef {object} Tokens
 * @property {Numbers} queries (groups, queries)
 * @property {Numbers} keys (groups, keys)
 */

/**
 * The same with what `parse` makes of it: token -> the [group, index] pairs at which it asks.
 * @typedef {Tokens & {places: Map<number, [number, number][]>}} Layout
 */

/**
 * A file for the reader to keep.
 * @typedef {object} File
 * @property {string} name
 * @property {Numbers} content
 */

/**
 * What the viewer's controls and pictures explain of themselves.
 * @typedef {object} Help
 * @property {Record<string, string>} controls
 * @property {Record<string, string>} off why a control does nothing
 * @property {Record<string, string>} views
 * @property {Record<string, string>} queries
 * @property {Record<string, string>} kernels how weights follow from q and k
 * @property {string} remark stands below every picture that is kept
 */

/**
 * All of it.
 * @typedef {object} Header
 * @property {number} format
 * @property {string} id the same for all payloads of one trace
 * @property {string} clip the same for all payloads of one clip, whatever model looks at it
 * @property {string} source a line that says of which weights and which clip this is
 * @property {Numbers[]} frames JPEGs
 * @property {number[]} times seconds
 * @property {[number, number]} pixels height, width
 * @property {[number, number, number, number]} box top, left, height, width of what the model saw
 * @property {[number, number, number]} grid T, h, w
 * @property {number} unit frames that a token covers
 * @property {string[]} labels
 * @property {number} best the most probable class, -1 where there are none
 * @property {Tap[]} taps
 * @property {string[]} time_taps
 * @property {Record<string, Numbers>} colours (256, 3)
 * @property {Numbers} diverging (256, 3)
 * @property {Layer[]} layers
 * @property {Matrix[]} matrices
 * @property {Cam[]} gradcams
 * @property {Layout[]} layouts
 * @property {Factors[]} [factors]
 * @property {Help} [help]
 * @property {File} [file]
 */

export {};
