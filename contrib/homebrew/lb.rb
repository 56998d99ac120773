# A formula for Homebrew, of the checkout that it stands in:
#
#   brew install --HEAD --formula contrib/homebrew/lb.rb
#
# Its syntax has been checked; Homebrew itself, and macOS, have not been tried.
class Lb < Formula
  desc "Small filters for large numbers of LLM calls"
  license "MIT"
  head "file://#{File.expand_path("../..", __dir__)}", using: :git, branch: "main"

  depends_on "pkgconf" => :build
  depends_on "curl"
  depends_on "jq"
  depends_on "libmicrohttpd"
  depends_on "openssl@3"
  depends_on "sqlite"
  depends_on "xxhash"

  def install
    system "make", "install", "PREFIX=#{prefix}", "BASHDIR=#{bash_completion}",
           "ZSHDIR=#{zsh_completion}", "FISHDIR=#{fish_completion}"
  end

  test do
    request = pipe_output("#{bin}/lbchunk -m gpt-4o-mini -p '\\(.name)?'", "{\"id\":1,\"name\":\"Kite\"}\n", 0)
    assert_match "Kite?", request
    system bin/"lbcost", "--prices-check"
  end
end
