// Package applogout calls an app's own logout when no browser is there to do it: a
// session that expired, that an operator ended, or that was left in another app. Apps
// keep sessions of their own on their servers (rows, tokens, kernels); the cookies that
// open them are kept by the gateway, so that it can end them by the call that the app's
// own button would make.
//
// It owns the handler of outbox.KindAppLogout: the calls of an app's preset in order,
// the XSRF token where the app wants one, and what of an answer counts as told. It does
// not decide when an app is told (signout does), keeps no cookie (vault does) and
// follows no redirect: every call goes to the app's upstream and to no other place.
package applogout
