addEventListener('load', leave)
setTimeout(leave, 5000)
function leave() {
  const next = document.getElementById('continue')
  if (next) location.replace(next.href)
}
