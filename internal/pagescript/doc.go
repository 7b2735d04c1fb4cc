// Package pagescript puts one small script of Cardea's into an app's top-level pages. The
// script takes an open page away when its session has ended, says so before the session's
// limits end it, and marks the page's WebSockets with the person that the page was made for.
//
// It owns the script (page.js), the place where it goes into an answer while the answer
// streams through, and the headers that have to change with it. It does not decide which
// requests are top-level navigations of a live session, does not set Cache-Control, and
// serves none of the own paths that the script talks to.
//
// HTML Living Standard, sections 13.2.3 (encoding) and 13.2.5 (tokenization); Content
// Security Policy Level 3, sections 6.1 (fetch directives), 6.7.2 (URL matching) and 6.7.3
// (inline scripts); RFC 9110 sections 8.4 (content codings), 8.6, 8.8 (validators) and 13;
// RFC 9530 (digest fields); Encoding Living Standard, labels of UTF-16.
package pagescript
