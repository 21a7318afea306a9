package codegraph

// distribution is what a Python module is called on the package index, where
// that is another name.
func distribution(module string) string {
	switch module {
	case "yaml":
		return "pyyaml"
	case "PIL":
		return "pillow"
	case "cv2":
		return "opencv-python"
	case "sklearn":
		return "scikit-learn"
	case "skimage":
		return "scikit-image"
	case "bs4":
		return "beautifulsoup4"
	case "dateutil":
		return "python-dateutil"
	case "dotenv":
		return "python-dotenv"
	case "attr":
		return "attrs"
	case "jwt":
		return "pyjwt"
	case "git":
		return "gitpython"
	case "OpenSSL":
		return "pyopenssl"
	case "Crypto":
		return "pycryptodome"
	case "psycopg2":
		return "psycopg2-binary"
	case "MySQLdb":
		return "mysqlclient"
	case "serial":
		return "pyserial"
	case "magic":
		return "python-magic"
	case "zmq":
		return "pyzmq"
	case "google.protobuf":
		return "protobuf"
	case "pkg_resources":
		return "setuptools"
	case "usb":
		return "pyusb"
	case "docx":
		return "python-docx"
	case "fitz":
		return "pymupdf"
	case "gi":
		return "pygobject"
	case "lxml.etree":
		return "lxml"
	case "markdown":
		return "markdown"
	case "mpl_toolkits":
		return "matplotlib"
	case "nacl":
		return "pynacl"
	case "slugify":
		return "python-slugify"
	case "socks":
		return "pysocks"
	case "telegram":
		return "python-telegram-bot"
	case "win32api", "win32con", "win32gui":
		return "pywin32"
	}
	return pypiName(module)
}
