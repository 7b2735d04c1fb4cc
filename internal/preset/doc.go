// Package preset holds what is known of applications, as data: which headers they
// read, how their own logout is recognised and how it is called without a browser,
// which paths need no sign-in, which cookies their scripts need, what makes their
// clients stop retrying, by which marks they are told from others, and what to put into
// their own configuration. Code asks the preset and never the application's name.
//
// It owns: the Preset type, the embedded presets (one YAML file per application, with
// sources and the day they were checked), their validation, an operator's overrides,
// the grammars of paths, path patterns, cookie patterns and identity headers' names.
//
// It does not own acting on a preset: package vault keeps cookies, pagescript changes
// pages, applogout makes the calls, web and proxy recognise requests. It holds no
// secret and makes no request.
//
// Specifications behind its checks: RFC 3986 section 3.3 (paths), RFC 6265 section 4.1.1
// (cookie names), RFC 6455 section 7.4 (close codes), RFC 9110 sections 5.1 and 7.6.1
// (field names, hop-by-hop fields).
package preset
