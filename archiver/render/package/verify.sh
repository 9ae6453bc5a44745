#!/bin/sh
# Checks this package from the bytes up. It needs a POSIX shell, openssl and sha256sum, and nothing else.
#
#   ./verify.sh [--log-key VKEY] [--package SHA256] [--no-sha512]
#
#   --log-key VKEY    the custody log's verifier key as you got it, from somebody else than who gave you this package
#   --package SHA256  the SHA-256 of tagmanifest-sha256.txt as the custody log or a witness of the hand-over has it
#   --no-sha512       leaves the second digest out: every file is then read once, not twice
#
# One line a check: PASS, FAIL, or NOT CHECKED and why; NOTE where the archive noticed something. It goes on after a
# failure. Exit status: 0 everything holds, every item is verified, and the log's key is the one that you gave; 1 something
# does not hold, or an item is not what its key signed; 2 nothing fails, but something could not be checked: without
# --log-key, always. Without --package, and with --no-sha512, what is left out is said, and does not change the status.
# VERIFY.md says the same by hand, and what none of this proves.

LC_ALL=C
export LC_ALL
unset CDPATH ENV BASH_ENV POSIXLY_CORRECT OPENSSL_CONF
nl='
'
tab=$(printf '\t')
IFS=" $tab$nl"
fails=0 unsures=0 passes=0 entries=0 log_fails=0 items=0 good_items=0 failed_items=0

pass() { passes=$((passes + 1)); printf 'PASS         %s\n' "$*"; }
fail() { fails=$((fails + 1)); printf 'FAIL         %s\n' "$*"; }
note() { printf 'NOTE         %s\n' "$*"; }
left_out() { printf 'NOT CHECKED  %s\n' "$*"; }
unsure() { unsures=$((unsures + 1)); printf 'NOT CHECKED  %s\n' "$*"; }
stop() { printf '%s\n' "$*"; exit 2; }

# ---------------------------------------------------------------------------------------------------- small tools

x4='[0-9a-f][0-9a-f][0-9a-f][0-9a-f]'
x32=$x4$x4$x4$x4$x4$x4$x4$x4
x64=$x32$x32

# sum FILE: $h is the SHA-256 of its bytes, or empty
sum() { h=$(sha256sum 2>/dev/null < "$1") || h=; h=${h%% *}; }

# text_sum TEXT: $h is the SHA-256 of TEXT
text_sum() { h=$(printf '%s' "$1" | sha256sum 2>/dev/null); h=${h%% *}; }

# shown TEXT: $s is TEXT with everything but harmless characters replaced, for nothing from outside moves a cursor
shown() {
  s='' r=$1
  while [ -n "$r" ] && [ "${#s}" -lt 200 ]; do
    c=${r%"${r#?}"} r=${r#?}
    case $c in [A-Za-z0-9._=+@,:/\ \(\)\;-]) s=$s$c ;; *) s=$s'?' ;; esac
  done
}

# unhex HEX: $f is what printf takes to write these bytes. Only for text that is hex digits in pairs.
unhex() {
  f='' x=$1
  while [ -n "$x" ]; do
    y=${x#??}
    eval "f=\$f\$o_${x%"$y"}"
    x=$y
  done
}
i=0
for a in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do
  for b in 0 1 2 3 4 5 6 7 8 9 a b c d e f; do
    o="\\$((i / 64))$((i / 8 % 8))$((i % 8))"
    case $a in a) A=A ;; b) A=B ;; c) A=C ;; d) A=D ;; e) A=E ;; f) A=F ;; *) A=$a ;; esac
    case $b in a) B=A ;; b) B=B ;; c) B=C ;; d) B=D ;; e) B=E ;; f) B=F ;; *) B=$b ;; esac
    eval "o_$a$b=\$o o_$A$b=\$o o_$a$B=\$o o_$A$B=\$o"
    i=$((i + 1))
  done
done

# bytes FILE: its bytes, as openssl alone can give them
bytes() { openssl base64 -in "$1" 2>/dev/null | openssl base64 -d 2>/dev/null; }

# number TEXT: true for 0, 1, 2 … up to 18 digits
number() { case $1 in '' | *[!0-9]* | 0?* | ???????????????????*) return 1 ;; esac; }

# ------------------------------------------------------------------------------------------------------ beginning

log_key='' package='' sha512=yes
while [ $# -gt 0 ]; do
  case $1 in
    --log-key) [ $# -gt 1 ] || stop 'verify.sh: --log-key needs the verifier key'; log_key=$2; shift ;;
    --log-key=*) log_key=${1#*=} ;;
    --package) [ $# -gt 1 ] || stop 'verify.sh: --package needs a SHA-256'; package=$2; shift ;;
    --package=*) package=${1#*=} ;;
    --no-sha512) sha512=no ;;
    *) stop 'usage: ./verify.sh [--log-key VKEY] [--package SHA256] [--no-sha512]' ;;
  esac
  shift
done

case $0 in */*) cd -- "${0%/*}/" || stop 'verify.sh: its own folder cannot be entered: nothing was checked' ;; esac
[ -f bagit.txt ] && [ -d data ] || stop 'verify.sh: this is not the folder of a package: nothing was checked'

# the tools are tried, not only looked for: a check that never ran must not pass
text_sum abc
[ "$h" = ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad ] ||
  stop 'sha256sum is not there, or does not work: nothing was checked'
h=$(printf abc | openssl dgst -sha256 -r 2>/dev/null)
[ "${h%% *}" = ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad ] ||
  stop 'openssl is not there, or does not work: nothing was checked'
unhex 00ff8161
h=$(printf "$f" | sha256sum)
[ "${h%% *}" = c5a2d9ab888b67f5b45eb6276c39ab97891071bba7caef1f7cb7a2d72c5eb9a4 ] ||
  stop 'this shell cannot write bytes: try another one (dash, bash, busybox sh): nothing was checked'

# ---------------------------------------------------------------------------------- what lies here, links and extras

found=0 odd=0
# walk FOLDER: counts the files below; a link or a device is not opened, ever
walk() {
  for e in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    if [ -L "$e" ]; then odd=$((odd + 1)); shown "$e"; fail "$s is a link: a package holds none"
    elif [ -d "$e" ]; then walk "$e"
    elif [ -f "$e" ]; then found=$((found + 1))
    elif [ -e "$e" ]; then odd=$((odd + 1)); shown "$e"; fail "$s is neither file nor folder"
    fi
  done
}
tags='bagit.txt bag-info.txt manifest-sha256.txt manifest-sha512.txt tagmanifest-sha256.txt tagmanifest-sha512.txt VERIFY.md verify.sh'
before=$fails
for e in * .[!.]* ..?*; do
  if [ -L "$e" ]; then odd=$((odd + 1)); shown "$e"; fail "$s is a link: a package holds none"; continue; fi
  [ -e "$e" ] || continue
  case " $tags data " in *" $e "*) ;; *) shown "$e"; fail "$s does not belong to the package"; continue ;; esac
  if [ "$e" != data ] && [ ! -f "$e" ]; then odd=$((odd + 1)); shown "$e"; fail "$s is no file"; fi
done
for e in $tags; do [ -e "$e" ] || [ -L "$e" ] || fail "$e is missing"; done
walk data
[ "$odd" -eq 0 ] || { printf '%s\n' 'VERDICT: FAILED. This is no package any more; nothing in it was opened.'; exit 1; }
[ "$fails" -ne "$before" ] || pass "what belongs to a package is there: $found files below data"

if IFS= read -r a < bagit.txt && [ "$a" = 'BagIt-Version: 1.0' ]; then :; else fail 'bagit.txt is not that of a bag of version 1.0'; fi

# ------------------------------------------------------------------------------------------------------ manifests

# safe PATH: true if nothing in it can lead out of the package or confuse sha256sum
safe() {
  case $1 in '' | *[!A-Za-z0-9._=+@,/-]* | /* | -* | *//* | */ | ./* | ../* | */./* | */../* | */. | */..) return 1 ;; esac
}

# known PATH, know PATH: whether a list has had PATH already; that it has now
# Paths lie in variables, some few together: a search through all of them for each would take hours.
bucket() {
  IFS=._=+@,/-
  set -f
  set -- $1
  IFS=_
  k="k_$*"
  set +f
  IFS=" $tab$nl"
}
known() {
  bucket "$1"
  eval "x=\${$k-}"
  case $nl$x in *"$nl$1$nl"*) ;; *) return 1 ;; esac
}
know() { bucket "$1"; eval "$k=\${$k-}\$1\$nl"; }

# shape LIST PREFIX: $lines, false if a line is not `hash  path` with a safe path that begins with PREFIX, or is a second
# one of its path: a line said twice would make up for a file that no line names
shape() {
  lines=0 shape=yes
  [ -f "$1" ] || return 1
  while IFS= read -r line || [ -n "$line" ]; do
    lines=$((lines + 1)) p=${line#*"  "}
    case ${line%%"  "*} in $x64) ;; *) shape=no ;; esac
    case $p in "$2"*) safe "$p" || shape=no ;; *) shape=no ;; esac
    [ $shape = yes ] || { fail "$1, line $lines is not a line of such a list; it was not followed"; return 1; }
    known "$p" && { fail "$1, line $lines lists $p a second time; the list was not followed"; return 1; }
    know "$p"
  done < "$1"
}

# listed LIST: sha256sum over it; names what differs, and keeps their names in $bad
bad=$nl
listed() {
  answer=$(sha256sum -c "$1" 2>&1 | {
    n=0
    while IFS= read -r line; do
      case $line in *': OK') n=$((n + 1)) ;; *': FAILED'*) printf '%s\n' "${line%%: FAILED*}" ;; esac
    done
    printf 'ok %s\n' "$n"
  })
  n=${answer##*ok }
  IFS=$nl
  set -f
  for p in ${answer%ok *}; do
    bad=$bad$p$nl
    shown "$p"
    if [ -f "$p" ]; then fail "$s has other bytes than $1 says"; else fail "$s is missing"; fi
  done
  set +f
  IFS=" $tab$nl"
  [ "$n" -eq "$lines" ]
}

for e in tagmanifest-sha256.txt; do
  if shape $e ''; then
    n_tags=0
    while read -r a p; do
      case " $tags " in *" $p "*) n_tags=$((n_tags + 1)) ;; *) fail "$e lists $p, which is no file of a package" ;; esac
    done < $e
    if listed $e && [ "$n_tags" -ge 6 ]; then pass "$e: all $lines files are as listed"
    else fail "$e does not hold"; fi
  fi
done

if [ -n "$package" ]; then
  sum tagmanifest-sha256.txt
  if [ "$h" = "$package" ]; then pass "the package is the one whose SHA-256 you gave"
  else fail "the package is NOT the one whose SHA-256 you gave: tagmanifest-sha256.txt has $h"; fi
else
  left_out "the archive's own words (reports, item.json, held.txt, names.json, the rest of bag-info.txt): nothing signs them; give --package SHA256"
fi

payload=no
if shape manifest-sha256.txt data/; then
  payload=yes
  if listed manifest-sha256.txt; then pass "manifest-sha256.txt: all $lines files are as listed"
  else fail 'manifest-sha256.txt does not hold'; fi
  extra() {
    for e in "$1"/* "$1"/.[!.]* "$1"/..?*; do
      if [ -d "$e" ]; then extra "$e"
      elif [ -f "$e" ]; then
        safe "$e" && known "$e" || { shown "$e"; fail "$s is in no list: it does not belong to the package"; }
      fi
    done
  }
  extra data
fi

# second LIST FIRST: SHA-512 of what LIST lists; FIRST, if it is there, must list the same files in the same order
second() {
  lines=0 same=yes expected='' list=$1 first=$2
  [ -f "$first" ] || first=''
  exec 3< "$list"
  [ -z "$first" ] || exec 4< "$first"
  set --
  while IFS= read -r line <&3; do
    lines=$((lines + 1)) p=${line#*"  "} a=${line%%"  "*}
    [ "${#a}" -eq 128 ] && safe "$p" || { fail "$list, line $lines is not a line of such a list; it was not followed"; same=no; break; }
    case $a in *[!0-9a-f]*) fail "$list, line $lines has no SHA-512"; same=no; break ;; esac
    if [ -n "$first" ]; then
      IFS= read -r b <&4 && [ "${b#*"  "}" = "$p" ] || { fail "$list, line $lines: $first has another file there"; same=no; break; }
    fi
    set -- "$@" "$p"
    expected=$expected$a" *"$p$nl
    [ $# -lt 50 ] || { batch "$@"; set --; expected=''; }
  done
  [ $# -eq 0 ] || batch "$@"
  exec 3<&-
  if [ -n "$first" ]; then
    if [ $same = yes ] && IFS= read -r b <&4; then fail "$first lists more files than $list"; same=no; fi
    exec 4<&-
  fi
  if [ $same = yes ]; then pass "$list: all $lines files are as listed"; fi
}
batch() {
  answer=$(openssl dgst -sha512 -r "$@" 2>/dev/null)
  [ "$answer$nl" = "$expected" ] || {
    same=no
    for p; do
      a=$(openssl dgst -sha512 -r "$p" 2>/dev/null)
      case $nl$expected in *"$nl$a$nl"*) ;; *) shown "$p"; fail "$s has other bytes than $list says" ;; esac
    done
  }
}
if [ $sha512 = no ]; then
  left_out 'manifest-sha512.txt, tagmanifest-sha512.txt: --no-sha512 was given'
else
  [ ! -f tagmanifest-sha512.txt ] || second tagmanifest-sha512.txt tagmanifest-sha256.txt
  [ ! -f manifest-sha512.txt ] || second manifest-sha512.txt manifest-sha256.txt
fi

# -------------------------------------------------------------------------------------------- the custody log's head

size='' root64='' root='' origin='' head=no
read_head() {
  text='' part=text n=0 signature=''
  while IFS= read -r line; do
    if [ $part = text ]; then
      [ -n "$line" ] || { part=signatures; continue; }
      n=$((n + 1)) text=$text$line$nl
      case $n in 1) origin=$line ;; 2) size=$line ;; 3) root64=$line ;; esac
    else
      case $line in '— '*) ;; *) continue ;; esac
      line=${line#'— '}
      [ "${line%% *}" = "$name" ] || continue
      # ID of the key, 4 bytes, then the signature
      a=$(printf '%s' "${line#* }" | openssl base64 -d -A 2>/dev/null | sha256sum)
      unhex "$key_id"
      b=$({ printf "$f"; bytes data/log/checkpoint.sig; } | sha256sum)
      [ "$a" != "$b" ] || signature=there
    fi
  done < data/log/checkpoint
}

# shifted TEXT: $k is the base64 of the 32 bytes that come after a first byte 1, where TEXT is the base64 of all 33
# False where TEXT is not 44 characters of base64, or begins with another byte. Nothing else decodes it: what one reader
# of base64 passes over (blanks, a second `=`), another does not, and both must mean the same key.
alphabet=ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/
shifted() {
  case $1 in *[!A-Za-z0-9+/]*) return 1 ;; esac
  [ "${#1}" -eq 44 ] || return 1
  k='' x=$1 i=0 y=0
  while [ $i -lt 44 ]; do
    c=${x%"${x#?}"} x=${x#?}
    z=${alphabet%%"$c"*} z=${#z}
    case $i in
      0) [ $z -eq 0 ] || return 1 ;;
      1) [ $((z / 16)) -eq 1 ] || return 1 ;;
      *) digit $((y % 16 * 4 + z / 16)) ;;
    esac
    y=$z i=$((i + 1))
  done
  digit $((y % 16 * 4))
  k=$k'='
}
# digit N: $k with the base64 digit of value N behind it
digit() {
  m=$alphabet n=$1
  while [ $n -ge 8 ]; do m=${m#????????} n=$((n - 8)); done
  while [ $n -gt 0 ]; do m=${m#?} n=$((n - 1)); done
  k=$k${m%"${m#?}"}
}

# read_key: data/log/vkey is of the form name+ID+key, and data/log/log_key.pem is that key, to the byte
read_key() {
  vkey=''
  IFS= read -r vkey < data/log/vkey
  text_sum "$vkey$nl"
  a=$h
  sum data/log/vkey
  [ "$a" = "$h" ] || { vkey=''; fail 'data/log/vkey is not one line of text'; return 1; }
  name=${vkey%%+*} a=${vkey#*+}
  key_id=${a%%+*} key64=${a#*+}
  case $key_id in $x4$x4) ;; *) fail 'data/log/vkey is no verifier key'; return 1 ;; esac
  shifted "$key64" || { fail 'data/log/vkey holds no Ed25519 key in 44 characters of base64'; return 1; }
  h=$({ printf '%s\n' "$name"; printf '%s' "$key64" | openssl base64 -d -A 2>/dev/null; } | sha256sum)
  case $h in "$key_id"*) ;; *) fail 'data/log/vkey: the ID in it is not that of its name and key'; return 1 ;; esac
  # an Ed25519 key in DER is 12 fixed bytes, which are these 16 characters, and then the key (RFC 8410)
  text_sum "-----BEGIN PUBLIC KEY-----${nl}MCowBQYDK2VwAyEA$k$nl-----END PUBLIC KEY-----$nl"
  a=$h
  sum data/log/log_key.pem
  if [ "$a" = "$h" ]; then pass 'data/log/log_key.pem is the key in data/log/vkey'
  else fail 'data/log/log_key.pem is NOT the key in data/log/vkey, in three lines and nothing else'; return 1; fi
}

check_head() {
  for e in checkpoint checkpoint.text checkpoint.sig vkey log_key.pem; do
    [ -f data/log/$e ] || { fail "data/log/$e is missing: the custody log cannot be checked"; return; }
  done
  name='' key_id=''
  read_key || return
  read_head
  number "$size" && [ -n "$root64" ] || { fail 'data/log/checkpoint is no signed head'; return; }
  text_sum "$text"
  a=$h
  sum data/log/checkpoint.text
  if [ "$a" = "$h" ]; then pass 'data/log/checkpoint.text is what data/log/checkpoint says'
  else fail 'data/log/checkpoint.text is NOT what data/log/checkpoint says'; return; fi
  if [ "$signature" = there ]; then pass 'data/log/checkpoint.sig is the signature in data/log/checkpoint'
  else fail 'data/log/checkpoint.sig is NOT the signature in data/log/checkpoint'; fi
  [ "$name" = "$origin" ] || fail 'data/log/checkpoint is the head of another log than the one of data/log/vkey'
  shown "$origin"
  a=$(openssl pkeyutl -verify -pubin -inkey data/log/log_key.pem -rawin -in data/log/checkpoint.text \
    -sigfile data/log/checkpoint.sig 2>&1)
  b=$?
  case $b$a in
    0*'Verified Successfully'*) head=yes; pass "the log's signature over its head of $size entries ($s)" ;;
    *'Verification Failure'*) fail "data/log/checkpoint: the log's signature does NOT hold over its head" ;;
    *)
      case $(openssl version 2>/dev/null) in
        'OpenSSL '[01].* | LibreSSL*) head=maybe; unsure "the log's signature: this openssl knows no Ed25519 files (OpenSSL 3.0 or later does)" ;;
        *) fail "data/log/checkpoint: the log's signature cannot be checked: key or signature is damaged" ;;
      esac ;;
  esac
}
if [ -d data/log ]; then
  check_head
  if [ -z "$log_key" ]; then
    unsure "that the log's key is the log's: give it with --log-key, from a source that you trust"
  elif [ "$log_key" = "${vkey-}" ]; then pass "the log's key is the one that you gave"
  else fail "data/log/vkey is NOT the key that you gave"; fi
else
  unsure 'the custody log: no signed head is in the package'
  [ -z "$log_key" ] || fail 'there is nothing to hold the key against that you gave'
fi

# ------------------------------------------------------------------------------------------ reading JSON, in the shell

# json FILE HANDLER: reads FILE as JSON (RFC 8259) and calls HANDLER with $event and $at: key (a name was read), text
# and other (a value, $value), close (the end of an object). $at: names joined by `/`, `[]` for a place in a list.
# False where it is no JSON, and $why. $escaped is yes where a name holds a backslash: its meaning is then not looked at.
json() {
  depth=0 want=value kinds='' kind='' at='' why='' escaped=no handler=$2
  while IFS= read -r line || [ -n "$line" ]; do
    line="$line "
    IFS='"'
    set -f
    set -- $line
    set +f
    IFS=" $tab$nl"
    inside=no open=''
    for t; do
      if [ $inside = no ]; then
        json_marks "$t" || return 1
        inside=yes
        continue
      fi
      case $t in
        *\\)
          z=$t slashes=0
          while case $z in *\\) ;; *) false ;; esac do z=${z%?} slashes=$((slashes + 1)); done
          if [ $((slashes % 2)) -eq 1 ]; then open=$open$t'"'; continue; fi ;;
      esac
      json_text "$open$t" || return 1
      open='' inside=no
    done
    [ $inside = yes ] && [ -z "$open" ] || { why='a text that does not end'; return 1; }
  done < "$1"
  [ "$want" = end ] || { why='it breaks off'; return 1; }
}
json_value() {
  $handler
  if [ $depth -eq 0 ]; then want=end; else want=more; fi
}
json_text() {
  case $1 in *$control*) why='a control character in a text'; return 1 ;; esac
  case $want in
    value | first_value) event=text value=$1; json_value ;;
    name | first_name)
      case $1 in *\\*) escaped=yes k='?' ;; '' | *[!A-Za-z0-9_]*) k='?' ;; *) k=$1 ;; esac
      eval "at=\$base_$depth/\$k"
      event=key; $handler
      want=colon ;;
    *) why='a text where none can be'; return 1 ;;
  esac
}
json_marks() {
  m=$1
  while [ -n "$m" ]; do
    c=${m%"${m#?}"} m=${m#?}
    case $c in
      ' ' | "$tab" | "$cr") ;;
      , )
        [ $want = more ] || { why='a comma where none can be'; return 1; }
        if [ $kind = o ]; then want=name; else want=value; eval "at=\$base_$depth"; fi ;;
      : ) [ $want = colon ] || { why='a colon where none can be'; return 1; }; want=value ;;
      '{' | '[')
        case $want in value | first_value) ;; *) why='a bracket where none can be'; return 1 ;; esac
        [ $depth -lt 30 ] || { why='nested too deeply'; return 1; }
        kinds=$kinds$kind depth=$((depth + 1))
        if [ $c = '{' ]; then kind=o want=first_name; eval "base_$depth=\$at"
        else kind=a want=first_value at=$at'[]'; eval "base_$depth=\$at"; fi ;;
      '}' | ']')
        case $kind$want$c in 'ofirst_name}' | 'omore}' | 'afirst_value]' | 'amore]') ;; *) why='a bracket where none can be'; return 1 ;; esac
        eval "at=\$base_$depth"
        if [ $c = '}' ]; then event=close; $handler; fi
        depth=$((depth - 1)) kind=${kinds#"${kinds%?}"} kinds=${kinds%?}
        if [ $depth -eq 0 ]; then want=end; else want=more; fi ;;
      *)
        case $want in value | first_value) ;; *) why='something where nothing can be'; return 1 ;; esac
        value=$c${m%%[!A-Za-z0-9.+-]*} m=${m#"${m%%[!A-Za-z0-9.+-]*}"}
        case $value in
          true | false | null) ;;
          *[!0-9.eE+-]* | '') why='a value that is none'; return 1 ;;
        esac
        event=other; json_value ;;
    esac
  done
}
cr=$(printf '\r') control=$(printf '[\001-\037]')

# exact FILE: true if this shell reads the lines of FILE as they are
exact() {
  sum "$1"
  a=$({ while IFS= read -r line; do printf '%s\n' "$line"; done; printf '%s' "$line"; } < "$1" | sha256sum)
  [ "${a%% *}" = "$h" ]
}

# ------------------------------------------------------------------------------------------ one item: the sign file

# on_sign: takes from the sign file what is checked. Names in it are compared, and never opened.
on_sign() {
  case $event$at in
    key/files) n_files=$((n_files + 1)) ;;
    text/hashSignature) s_signature=$s_signature$value, ;;
    text/publicKeyFingerprint) s_fingerprint=$s_fingerprint$value, ;;
    text/hashAlgorithm) s_forms=${s_forms}h$value, ;;
    text/signatureAlgorithm) s_forms=${s_forms}s$value, ;;
    text/version) s_version=$s_version$value, ;;
    other/version) s_version=$s_version'?,' ;;
    'text/files[]/fileName') f_name=$f_name$value, ;;
    'text/files[]/fileHashValue') f_hash=$f_hash$value, ;;
    'close/files[]') on_listed; f_name='' f_hash='' ;;
  esac
}

# on_listed: one listed file; two of a name in one place end in a text with a comma, which has no form that is wanted
on_listed() {
  n_listed=$((n_listed + 1)) f_hash=${f_hash%,} f_name=${f_name%,}
  list=$list${list:+ }$f_hash
  case $f_hash in $x64) ;; *) shown "$f_hash"; fail "$id: the sign file lists $s, which is no SHA-256"; wrong=yes; return ;; esac
  n=${f_name#result_} n=${n%.csv.gz}
  case $f_name in result_"$n".csv.gz) ;; *) n='' ;; esac
  case $n in '' | *[!0-9]* | 0* | ???????????*)
    shown "$f_name"; fail "$id: the sign file lists a file by the name $s, which no result has"; wrong=yes; return ;;
  esac
  eval "a=\${d_$n-} b=\${l_$n-}"
  [ -z "$b" ] || { fail "$id: the sign file lists result_$n.csv.gz twice"; wrong=yes; return; }
  eval "l_$n=\$f_hash"
  names="$names $n"
  [ "$n" -le "$most" ] || most=$n
  if [ -z "$a" ]; then fail "$id: delivery/result_$n.csv.gz is listed by the sign file, and is not there"; wrong=yes
  elif [ "$a" != "$f_hash" ]; then fail "$id: delivery/result_$n.csv.gz is NOT the file that the sign file lists"; wrong=yes
  fi
}

check_sign_file() {
  n_files=0 n_listed=0 s_signature='' s_fingerprint='' s_forms='' s_version='' f_name='' f_hash='' list='' names='' most=0 wrong=no
  [ -f "$e/delivery/result_sign.json" ] || { fail "$id: there is no sign file: nothing vouches for these files"; return 1; }
  exact "$e/delivery/result_sign.json" || { unsure "$id: delivery/result_sign.json holds bytes that a shell cannot hold"; return 1; }
  json "$e/delivery/result_sign.json" on_sign || { fail "$id: delivery/result_sign.json is not JSON: $why"; return 1; }
  if [ $escaped = yes ]; then unsure "$id: delivery/result_sign.json holds a name with a backslash, which is not read here"; return 1; fi
  [ $n_files -eq 1 ] && [ $n_listed -ge 1 ] || { fail "$id: delivery/result_sign.json lists no files, or twice"; return 1; }
  case $s_forms in hSHA-256,sSHA256withRSA, | sSHA256withRSA,hSHA-256,) ;; *) fail "$id: delivery/result_sign.json names other algorithms than SHA-256 and SHA256withRSA"; wrong=yes ;; esac
  case $s_version in '' | 1.0,) ;; *) fail "$id: delivery/result_sign.json is of a version that is not known"; wrong=yes ;; esac
  [ "$most" -eq "$n_listed" ] || { fail "$id: delivery/result_sign.json does not list result_1 to result_$n_listed"; wrong=yes; }
  for n in $delivered; do
    eval "b=\${l_$n-}"
    [ -n "$b" ] || { fail "$id: delivery/result_$n.csv.gz is not listed by the sign file: nothing vouches for it"; wrong=yes; }
  done
  for n in $names; do unset "l_$n"; done
  if [ $wrong = no ]; then pass "$id: all files of the delivery ($n_listed) have the hashes that the sign file lists"; fi
  return 0
}

# ------------------------------------------------------------------------------------------ one item: the signature

check_signature() {
  t=$e/artefacts
  for b in hash_list signature.bin; do [ -f "$t/$b" ] || { fail "$id: artefacts/$b is not there"; return; }; done
  text_sum "$list"
  a=$h
  sum "$t/hash_list"
  if [ "$a" = "$h" ]; then pass "$id: artefacts/hash_list is the list of these hashes, in the listed order"
  else fail "$id: artefacts/hash_list is NOT the list of hashes in the sign file"; fi
  s_signature=${s_signature%,}
  case $s_signature in '' | *[!0-9a-fA-F]*) fail "$id: the sign file's hashSignature is not hex" ;; *)
    if [ $((${#s_signature} % 2)) -eq 0 ] && [ ${#s_signature} -le 4096 ]; then
      unhex "$s_signature"
      a=$(printf "$f" | sha256sum)
      sum "$t/signature.bin"
      if [ "${a%% *}" = "$h" ]; then pass "$id: artefacts/signature.bin is the sign file's hashSignature"
      else fail "$id: artefacts/signature.bin is NOT the sign file's hashSignature"; fi
    else fail "$id: the sign file's hashSignature has no length that a signature has"; fi ;;
  esac
  if [ ! -f "$t/public_key_pkcs1.pem" ] && [ ! -f "$t/public_key_x509.pem" ]; then
    unsure "$id: the signature: no public key is in the package"
    return
  fi
  check_key
  if [ "$(openssl dgst -sha256 -verify "$t/public_key_x509.pem" -signature "$t/signature.bin" "$t/hash_list" 2>/dev/null)" = 'Verified OK' ]; then
    pass "$id: the RSA signature holds over artefacts/hash_list"
  else fail "$id: the RSA signature does NOT hold over artefacts/hash_list"; fi
}

check_key() {
  a=$(openssl rsa -RSAPublicKey_in -in "$t/public_key_pkcs1.pem" -pubout 2>/dev/null)
  b=$(openssl rsa -pubin -in "$t/public_key_x509.pem" -pubout 2>/dev/null)
  if [ -z "$a" ]; then fail "$id: artefacts/public_key_pkcs1.pem is no key that can be read"
  elif [ -z "$b" ]; then fail "$id: artefacts/public_key_x509.pem is no key that can be read"
  elif [ "$a" = "$b" ]; then pass "$id: artefacts/public_key_pkcs1.pem and public_key_x509.pem are the same key"
  else fail "$id: artefacts/public_key_pkcs1.pem and public_key_x509.pem are two keys"; fi
  # a PEM file can hold more than the key that one reader finds first: each must be what openssl itself writes
  text_sum "$b$nl"
  b=$h
  sum "$t/public_key_x509.pem"
  [ "$b" = "$h" ] || fail "$id: artefacts/public_key_x509.pem is not one key and nothing else"
  text_sum "$(openssl rsa -RSAPublicKey_in -in "$t/public_key_pkcs1.pem" -RSAPublicKey_out 2>/dev/null)$nl"
  b=$h
  sum "$t/public_key_pkcs1.pem"
  [ "$b" = "$h" ] || fail "$id: artefacts/public_key_pkcs1.pem is not one key and nothing else"
  [ -n "$a" ] || return
  h=$(openssl rsa -RSAPublicKey_in -in "$t/public_key_pkcs1.pem" -RSAPublicKey_out -outform DER 2>/dev/null | sha256sum)
  key_sum=${h%% *}
  h=$(openssl rsa -RSAPublicKey_in -in "$t/public_key_pkcs1.pem" -RSAPublicKey_out -outform DER 2>/dev/null | openssl dgst -md5 -r 2>/dev/null)
  h=${h%% *}
  case $h in
    $x32)
      if [ "$h" = "${s_fingerprint%,}" ]; then pass "$id: the key's fingerprint $h is what the sign file names"
      else fail "$id: the key's fingerprint is $h, which is NOT what the sign file names"; fi ;;
    *) unsure "$id: the key's fingerprint: this openssl computes no MD5" ;;
  esac
}

# ---------------------------------------------------------------------------------------- one item: the custody log

# included PATH_FILE SEQ HASH: the Merkle path leads from entry SEQ with this hash to the head's root (RFC 9162, 2.1.3.2)
# Nodes that were proved once are not hashed again. False, and $why, where it does not lead there.
included() {
  why='its path is not one of this head'
  exec 4< "$1"
  read -r a b <&4 && [ "$a" = index ] && [ "$b" = "$2" ] && read -r a b <&4 && [ "$a" = size ] && [ "$b" = "$size" ] &&
    number "$2" && [ "$2" -lt "$size" ] || { exec 4<&-; return 1; }
  place=$2 last=$((size - 1)) level=0 node=$3 fresh=''
  while read -r a b <&4; do
    case $a in $x64) ;; *) exec 4<&-; return 1 ;; esac
    [ "$last" -gt 0 ] && [ -z "$b" ] || { exec 4<&-; return 1; }
    while [ "$place" -eq "$last" ] && [ $((place % 2)) -eq 0 ] && [ "$place" -gt 0 ]; do
      place=$((place / 2)) last=$((last / 2)) level=$((level + 1))
    done
    sibling=$((place % 2 ? place - 1 : place + 1))
    eval "x=\${n_${level}_$place-} y=\${n_${level}_$sibling-} b=\${n_$((level + 1))_$((place / 2))-}"
    if [ "$x" = "$node" ] && [ "$y" = "$a" ] && [ -n "$b" ]; then node=$b
    else
      fresh="$fresh n_${level}_$place=$node n_${level}_$sibling=$a"
      if [ $((place % 2)) -eq 1 ]; then unhex "01$a$node"; else unhex "01$node$a"; fi
      node=$(printf "$f" | sha256sum) node=${node%% *}
      fresh="$fresh n_$((level + 1))_$((place / 2))=$node"
    fi
    place=$((place / 2)) last=$((last / 2)) level=$((level + 1))
  done
  exec 4<&-
  [ "$last" -eq 0 ] || return 1
  why='its path does not lead to the root that the head signs'
  if [ -z "$root" ]; then
    unhex "$node"
    [ "$(printf "$f" | openssl base64 -A 2>/dev/null)" = "$root64" ] || return 1
    root=$node
  fi
  [ "$node" = "$root" ] || return 1
  eval "$fresh"
}

# on_event: takes from an entry of the log what it says of files, key and verdict
on_event() {
  case $event$at in
    text/kind) k_kind=$value ;;
    text/id | text/evidence/id) k_id=$value ;;
    text/key_sha256 | text/evidence/key_sha256) k_key=$value ;;
    text/judgement/verdict) k_verdict=$value ;;
    'text/judgement/reasons[]') k_reasons=$k_reasons${k_reasons:+ }$value ;;
    'text/judgement/findings[]') k_findings=$k_findings${k_findings:+ }$value ;;
    text/finding) k_finding=$value ;;
    text/sha256) k_sha256=$value ;;
    'text/evidence/files[]/name') f_name=$value ;;
    'text/evidence/files[]/role') f_role=$value ;;
    'text/evidence/files[]/sha256') f_hash=$value ;;
    'close/evidence/files[]') on_acquired; f_name='' f_role='' f_hash='' ;;
  esac
}

# on_acquired: one file as it was acquired, against the one in the package
on_acquired() {
  case $f_role in
    sign_file)
      seen=$((seen + 1))
      if [ -z "$sign_hash" ]; then fail "$id: delivery/result_sign.json was acquired, and is not here"; bound=no
      elif [ "$f_hash" != "$sign_hash" ]; then fail "$id: delivery/result_sign.json is NOT what was acquired, by the log"; bound=no; fi ;;
    result)
      n=${f_name#result_} n=${n%.csv.gz}
      case $n in '' | *[!0-9]* | 0* | ???????????*) fail "$id: the log names a result in a way that is not known"; bound=no; return ;; esac
      seen=$((seen + 1))
      eval "a=\${d_$n-}"
      if [ -z "$a" ]; then fail "$id: delivery/result_$n.csv.gz was acquired, and is not here"; bound=no
      elif [ "$a" != "$f_hash" ]; then fail "$id: delivery/result_$n.csv.gz is NOT what was acquired, by the log"; bound=no; fi ;;
    *)
      seen=$((seen + 1))
      case $unlisted in *" $f_hash "*) ;; *) fail "$id: an unlisted file that was acquired is not here as it was (SHA-256 $f_hash)"; bound=no ;; esac ;;
  esac
}

# on_way: $told_ways, one line for each way in which a key was obtained
on_way() {
  case $event$at in
    text*/provenance/* | text*'/provenance[]/'*) way="$way${at##*/}=$value|" ;;
    close*/provenance | close*'/provenance[]') told_ways=$told_ways$way$nl way='' ;;
  esac
}

# check_ways: key_provenance.json tells of no way that the log's entries here do not tell of
check_ways() {
  way='' told_ways='' a=''
  json "$e/key_provenance.json" on_way || { fail "$id: key_provenance.json is not JSON: $why"; return; }
  IFS=$nl
  set -f
  for b in $told_ways; do
    case $nl$ways in *"$nl$b$nl"*) ;; *) a=more ;; esac
  done
  for b in $ways; do
    case $nl$told_ways in *"$nl$b$nl"*) ;; *) a=${a:-less} ;; esac
  done
  set +f
  IFS=" $tab$nl"
  told_of_key
  if [ -z "$a" ]; then pass "$id: key_provenance.json tells how the key was obtained as the log does"
  elif [ "$a" = less ]; then omitted "$id: key_provenance.json leaves out a way in which the key was obtained, which the log tells of"
  else unsure "$id: key_provenance.json: it tells of a way to the key that no entry of the log here tells of"; fi
}

# told_of_key: where each key came from, once: only what AWS itself listed is CloudTrail's, and that the reader must judge
told_keys=' '
told_of_key() {
  case $told_keys in *" $key_sum "*) return ;; esac
  told_keys="$told_keys$key_sum "
  IFS=$nl
  set -f
  for b in $ways; do
    c=''
    while case $b in *'|'*) ;; *) false ;; esac do c="$c${c:+, }${b%%|*}" b=${b#*|}; done
    shown "$c"
    note "the key $key_sum was obtained so: $s"
  done
  set +f
  IFS=" $tab$nl"
}

# check_account: the log's own word, under this very head, on which entries it has about the items here
on_account() {
  case $event$at in
    text/kind) k_kind=$value ;;
    other/before) k_before=$value ;;
    text/sha256) k_sha256=$value ;;
  esac
}
account=no
# omitted TEXT: a failure that shows that the package is not what was packed
omitted() { log_fails=$((log_fails + 1)); fail "$@"; }
check_account() {
  b=''
  for e in accounts.txt accounts.leaf accounts.path; do [ -f data/log/$e ] || b="$b $e"; done
  [ "$b" != ' accounts.txt accounts.leaf accounts.path' ] ||
    { unsure 'that no entry about an item was left out: the log states no account of them under this head'; return; }
  [ -z "$b" ] || { omitted "data/log:$b: missing, so the log's account of its entries cannot be checked"; return; }
  [ "$head" != no ] || { unsure "the log's account of its entries: the log's head does not hold"; return; }
  leaf='' k_kind='' k_before='' k_sha256='' seq=$((size - 2))
  IFS= read -r leaf < data/log/accounts.leaf
  sum data/log/accounts.leaf
  a=$h
  text_sum "$leaf"
  [ "$a" = "$h" ] || { omitted 'data/log/accounts.leaf is not an entry of a log: it is not one line of text'; return; }
  h=$({ printf '\000'; printf '%s' "$leaf"; } | sha256sum)
  included data/log/accounts.path "$seq" "${h%% *}" || { omitted "data/log/accounts.leaf is NOT the last entry but one under this head: $why"; return; }
  json data/log/accounts.leaf on_account && [ "$k_kind" = events_accounted ] && [ "$k_before" = "$seq" ] ||
    { omitted 'data/log/accounts.leaf is no account of entries'; return; }
  sum data/log/accounts.txt
  [ "$h" = "$k_sha256" ] || { omitted "data/log/accounts.txt is NOT what the log says of its entries"; return; }
  account=yes
  exec 6< data/log/accounts.txt
}

# check_complete: the entries of item $id here are all that the log has about it and its keys, by the account
check_complete() {
  [ $account = yes ] || return 0
  read -r a b c <&6 && [ "$a" = "$id" ] || { account=no; shown "${a:-none}"; omitted "$id: the log's account is of other items (next is $s): items were left out, or put in"; return; }
  [ ! -f "$e/no-proof.txt" ] || return 0
  n=0 s=''
  for l in "$e"/custody/*.leaf; do
    [ -f "$l" ] || continue
    l=${l##*/} n=$((n + 1)) s=$s${l%.leaf}$nl
  done
  text_sum "$s"
  if [ "$n $h" = "$b $c" ]; then pass "$id: its entries here ($n) are all that the log has about it"
  else shown "$b"; omitted "$id: $n entries are here, and these are NOT the $s that the log has about it: some were left out, or put in"; fi
}

# entry FILE: one entry of the log: its place in it, and what it says
entry() {
  seq=${1##*/} seq=${seq%.leaf}
  number "$seq" || { shown "$1"; fail "$s is no number of an entry"; return; }
  leaf=''
  IFS= read -r leaf < "$1"
  sum "$1"
  a=$h
  text_sum "$leaf"
  [ "$a" = "$h" ] || { fail "$id: custody/$seq.leaf is not an entry of a log: it is not one line of text"; return; }
  h=$({ printf '\000'; printf '%s' "$leaf"; } | sha256sum)
  [ -f "$e/custody/$seq.path" ] || { fail "$id: custody/$seq.path is missing"; return; }
  included "$e/custody/$seq.path" "$seq" "${h%% *}" || { fail "$id: custody/$seq.leaf is NOT in the log: $why"; return; }
  proven=$((proven + 1))
  told=$1
  case $leaf in *'"body":{"bytes":'*)
    h=${leaf#*'"body":{"bytes":'} h=${h#*'"sha256":"'} h=${h%%\"*}
    a=$h
    told=$e/custody/$seq.body
    [ -f "$told" ] || { fail "$id: custody/$seq.body is missing"; return; }
    sum "$told"
    [ "$a" = "$h" ] || { fail "$id: custody/$seq.body is NOT what custody/$seq.leaf says"; return; } ;;
  esac
  case $leaf in
    *'"kind":"evidence_acquired"'*) acquired=$told ;;
    *'"kind":"evidence_verified"'*) [ "$seq" -le "$newest" ] || newest=$seq judged=$told ;;
    *'"kind":"source_restored"'*) [ "$seq" -le "$restored" ] || restored=$seq ;;
    *'"kind":"source_observed"'*)
      k_id='' k_finding=''
      json "$told" on_event && [ "$k_id" = "$id" ] || { fail "$id: custody/$seq.leaf is no entry about this item"; return; }
      observed="$observed $seq:$k_finding" ;;
    *'"kind":"query_described"'*)
      [ "$seq" -gt "$described_at" ] || return 0
      k_id='' k_sha256=''
      json "$told" on_event && [ "$k_id" = "$id" ] || { fail "$id: custody/$seq.leaf is no entry about this item"; return; }
      described_at=$seq described=$k_sha256 ;;
    *'"kind":"key_harvested"'*)
      k_sha256=''
      if json "$told" on_event; then harvested="$harvested $k_sha256 "; fi
      way='' told_ways=''
      if [ "$k_sha256" = "$key_sum" ] && json "$told" on_way; then ways=$ways$told_ways; fi ;;
  esac
}

check_log() {
  proven=0 newest=-1 acquired='' judged='' harvested=' ' ways='' observed='' restored=-1 described_at=-1 described='' before=$fails
  if [ -f "$e/no-proof.txt" ]; then
    a=''
    IFS= read -r a < "$e/no-proof.txt"
    shown "$a"
    case $a in
      FAILED*) log_fails=$((log_fails + 1)); fail "$id: its custody entries: the archive's ledger and log contradict each other ($s)" ;;
      *) unsure "$id: its custody entries: there is no proof of them in the package ($s)" ;;
    esac
    return
  fi
  [ "$head" != no ] || { unsure "$id: its custody entries: the log's head does not hold"; return; }
  for l in "$e"/custody/*.leaf; do [ ! -f "$l" ] || entry "$l"; done
  entries=$((entries + proven)) log_fails=$((log_fails + fails - before))
  if [ "$fails" -eq "$before" ] && [ $proven -gt 0 ]; then pass "$id: all its custody entries here ($proven) are in the log under that head"; fi
  [ -n "$acquired" ] || { fail "$id: no entry of the log tells of its acquisition"; return; }
  k_id='' k_key='' k_verdict='' k_reasons='' k_findings='' f_name='' f_role='' f_hash='' seen=0 bound=yes
  json "$acquired" on_event || { fail "$id: the entry of its acquisition cannot be read: $why"; return; }
  [ "$k_id" = "$id" ] || { fail "$id: custody/ holds the acquisition of another item"; return; }
  [ $seen -eq $((n_delivered + n_unlisted)) ] || { fail "$id: $((n_delivered + n_unlisted)) files are here, and $seen were acquired, by the log"; bound=no; }
  if [ $bound = yes ]; then pass "$id: all its files ($seen) are those that were acquired, by the log"; fi
  if [ -n "$judged" ]; then
    acquired_key=$k_key k_id='' k_key='' k_verdict='' k_reasons='' k_findings=''
    json "$judged" on_event && [ "$k_id" = "$id" ] || { fail "$id: the entry of its last judgement cannot be read"; return; }
    k_key=${k_key:-$acquired_key}
  fi
  if [ -n "$key_sum" ] && [ -n "$k_key" ]; then
    case $k_key$harvested in "$key_sum"*" $key_sum "*) pass "$id: the key is the one that the log says it was judged with, and how it was obtained is in the log" ;;
      *) fail "$id: the key is NOT the one that the log says it was judged with" ;; esac
  fi
  logged=$k_verdict
  if [ "$described" != "$described_hash" ]; then
    if [ -z "$described_hash" ]; then fail "$id: described.json was recorded, and is not here"
    else fail "$id: described.json is NOT what was recorded, by the log"; fi
  elif [ -n "$described" ]; then pass "$id: described.json is what was recorded, by the log"; fi
  if [ -n "$key_sum" ] && [ -f "$e/key_provenance.json" ]; then check_ways; fi
  check_words
}

# check_words: verdict.txt against the last judgement in the log and what was seen at the source. The archive may say worse
# of an item than the log (it was altered since); it may not say better, and not pass a finding over.
check_words() {
  words=same
  case $logged:$said in
    verified:* | indeterminate:indeterminate | indeterminate:failed | failed:failed) ;;
    *) words=other; shown "$said"; fail "$id: verdict.txt says $s, and the log's last judgement says $logged" ;;
  esac
  for a in $k_reasons; do
    case " $reasons " in *" $a "*) ;; *) words=other; fail "$id: verdict.txt does not tell of $a, and the log's last judgement does" ;; esac
  done
  all=' '
  for a in $k_findings; do
    [ "$a" = source_deleted ] && [ "$restored" -gt "$newest" ] || all="$all$a "
  done
  for a in $observed; do
    b=${a%%:*} a=${a#*:}
    case $a in
      source_deleted) [ "$b" -gt "$restored" ] || continue ;;
      source_changed) ;;
      *) [ "$b" -gt "$newest" ] || continue ;;
    esac
    all="$all$a "
  done
  for a in $all; do
    case " $found_words " in *" $a "*) ;; *) words=other; shown "$a"; fail "$id: verdict.txt does not tell of the finding $s, and the log does" ;; esac
  done
  set -f
  for a in $found_words; do
    case $all in *" $a "*) ;; *) words=other; shown "$a"; fail "$id: verdict.txt tells of the finding $s, and the log does not" ;; esac
  done
  set +f
  [ $words = other ] || pass "$id: verdict.txt leaves out nothing that the log says of it"
}

# ---------------------------------------------------------------------------------------------------- one item, whole

check_item() {
  e=data/evidence/$id key_sum='' logged='' k_reasons='' items=$((items + 1)) start=$fails unsure_start=$unsures
  said='' reasons='' found_words=''
  if [ -f "$e/verdict.txt" ]; then
    while read -r a b; do case $a in verdict) said=$b ;; reasons) reasons=$b ;; findings) found_words=$b ;; esac; done < "$e/verdict.txt"
  fi
  if [ -n "$found_words" ]; then shown "$found_words"; note "$id: the archive noticed beside its verdict: $s"; fi
  eval "a=\${had_$id-} had_$id=yes"
  [ -z "$a" ] || fail "$id: its files are in two places of the list"
  if [ -f "$e/DIFFERS.txt" ]; then
    while IFS= read -r line || [ -n "$line" ]; do shown "$line"; fail "$id: $s"; done < "$e/DIFFERS.txt"
  fi
  for n in $odd_names; do fail "$id: $n does not belong there"; done
  if check_sign_file; then check_signature; fi
  check_log
  check_complete
  for n in item.json verdict.txt; do [ -f "$e/$n" ] || omitted "$id: $n is missing"; done
  [ -z "$key_sum" ] || [ -f "$e/key_provenance.json" ] || omitted "$id: key_provenance.json is missing, and a key is here"
  if [ -d "$e/custody" ] && [ ! -f "$e/proof.json" ]; then omitted "$id: proof.json is missing, and its entries are here"; fi
  shown "$reasons"
  case $said in
    verified) said_verified=$((said_verified + 1)) ;;
    failed) said_failed=$((said_failed + 1)); fail "$id: the archive's own verdict is FAILED: $s" ;;
    indeterminate) said_indeterminate=$((said_indeterminate + 1)); unsure "$id: the archive's own verdict is INDETERMINATE: $s" ;;
    *) fail "$id: verdict.txt tells no verdict" ;;
  esac
  if [ "$fails" -ne $start ]; then failed_items=$((failed_items + 1))
  elif [ "$unsures" -eq $unsure_start ]; then good_items=$((good_items + 1)); fi
  for n in $delivered; do unset "d_$n"; done
}

begin_item() { id=$1 delivered='' unlisted=' ' n_delivered=0 n_unlisted=0 sign_hash='' described_hash='' odd_names=''; }
said_verified=0 said_failed=0 said_indeterminate=0

# take HASH PATH: one line of the list, of item $id
take() {
  a=$1 q=${2#data/evidence/*/}
  case $bad in *"$nl$2$nl"*) a=differs ;; esac
  case $q in
    delivery/result_sign.json) sign_hash=$a n_delivered=$((n_delivered + 1)) ;;
    delivery/result_*.csv.gz)
      n=${q#delivery/result_} n=${n%.csv.gz}
      case $n in '' | *[!0-9]* | 0* | ???????????*) odd_names="$odd_names $q"; return ;; esac
      n_delivered=$((n_delivered + 1)) delivered="$delivered $n"
      eval "d_$n=\$a" ;;
    delivery/*) odd_names="$odd_names $q" ;;
    described.json) described_hash=$a ;;
    unlisted/names.json | item.json | verdict.txt | proof.json | key_provenance.json) ;;
    unlisted/[0-9][0-9][0-9][0-9][0-9][0-9]*-*) n_unlisted=$((n_unlisted + 1)) unlisted="$unlisted$a " ;;
    artefacts/hash_list | artefacts/signature.bin | artefacts/public_key_pkcs1.pem | artefacts/public_key_x509.pem) ;;
    DIFFERS.txt | no-proof.txt) ;;
    custody/*.leaf | custody/*.path | custody/*.body)
      n=${q#custody/} n=${n%.*}
      number "$n" || odd_names="$odd_names $q" ;;
    *) odd_names="$odd_names $q" ;;
  esac
}

if [ $fails -eq 0 ]; then whole=yes; else whole=no; fi
# what the archive itself found when it made the package
held=no
if [ -f data/held.txt ]; then
  while IFS= read -r line || [ -n "$line" ]; do
    line=${line#NOT CHECKED }
    shown "${line#FAILED }"
    case $line in
      FAILED*) held=failed; fail "the archive's ledger did NOT pass its verification: $s" ;;
      *) unsure "the archive's ledger could not be verified whole: $s" ;;
    esac
  done < data/held.txt
fi
id=''
if [ $payload = yes ]; then
  check_account
  exec 5< manifest-sha256.txt
  while IFS= read -r entry <&5 || [ -n "$entry" ]; do
    path=${entry#*"  "}
    case $path in
      data/evidence/*/*) ;;
      data/log/checkpoint | data/log/checkpoint.text | data/log/checkpoint.sig | data/log/vkey | data/log/log_key.pem) continue ;;
      data/log/accounts.txt | data/log/accounts.leaf | data/log/accounts.path | data/held.txt) continue ;;
      data/report/report.html | data/report/report.pdf | data/report/report.json | data/report/report.jsonld | data/report/report.xml) continue ;;
      *) fail "$path is no file of a package"; continue ;;
    esac
    now=${path#data/evidence/} now=${now%%/*}
    case $now in $x32) ;; *) fail "$path is in no folder of an item"; continue ;; esac
    if [ "$now" != "$id" ]; then
      [ -z "$id" ] || check_item
      begin_item "$now"
    fi
    take "${entry%%"  "*}" "$path"
  done
  exec 5<&-
  [ -z "$id" ] || check_item
  if [ $account = yes ]; then
    a=''
    if read -r a b c <&6; then shown "$a"; omitted "the log's account has more items than are here: $s is missing"
    else pass "the items here are those of the log's account"; fi
  fi
else
  for d in data/evidence/*/; do
    [ -d "$d" ] || continue
    id=${d#data/evidence/} id=${id%/}
    case $id in $x32) begin_item "$id"; check_item ;; esac
  done
fi
[ $items -gt 0 ] || fail 'there is no item of evidence in the package'

# counted LABEL N: bag-info.txt says N of LABEL, and says it once; a label that is not there stands for 0
counted() {
  a=''
  while IFS= read -r line || [ -n "$line" ]; do
    case $line in "$1: "*) a=$a${a:+,}${line#*: } ;; esac
  done < bag-info.txt
  [ "${a:-0}" = "$2" ] || { agree=no; shown "$a"; fail "bag-info.txt: $1 is ${s:-not there}, and here are $2"; }
}
if [ -f bag-info.txt ]; then
  agree=yes
  counted Evidence-Items $items
  counted Evidence-Verified $said_verified
  counted Evidence-Failed $said_failed
  counted Evidence-Indeterminate $said_indeterminate
  [ $agree = no ] || pass 'bag-info.txt counts the items as they are here'
fi

# ------------------------------------------------------------------------------------------------------------ verdict

printf '\n%s\n' "Items of evidence: $items. Verified here: $good_items. FAILED: $failed_items. Not wholly checked: $((items - good_items - failed_items))."
if [ $fails -gt 0 ]; then
  printf '%s\n' "VERDICT: FAILED. $fails checks do not hold; each is named above with FAIL."
  if [ $held = failed ]; then
    printf '%s\n' '         When it was packed, the ledger of the archive did not pass its verification: what it says is not proved.'
  elif [ $whole = yes ] && [ $entries -gt 0 ] && [ $log_fails -eq 0 ] && [ "$head" = yes ] && [ $account = yes ]; then
    printf '%s\n' '         The lists and the log hold, so the package is as it was packed; what fails is in the items.'
  elif [ $whole = yes ]; then
    printf '%s\n' '         The lists hold. Not all entries of the log were checked, or not all hold or are here: nothing shows that this is what was packed.'
  else printf '%s\n' '         The package itself is damaged or was altered since it was made.'; fi
  exit 1
fi
if [ $unsures -gt 0 ]; then
  printf '%s\n' "VERDICT: NOT PROVED. Nothing speaks against it, but $unsures checks could not be made; each is named above."
  exit 2
fi
printf '%s\n' "VERDICT: ALL HOLDS. $passes checks; these files are what the keys here signed and what the log says was acquired."
printf '%s\n' "         Whether a key is CloudTrail's, its key_provenance.json and the log's key_harvested tell."
[ -n "$package" ] || printf '%s\n' "         What the archive says in its own words is as far from proved as before: see VERIFY.md."
exit 0
