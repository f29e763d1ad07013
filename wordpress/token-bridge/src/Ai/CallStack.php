<?php
/**
 * Who runs a prompt.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Ai;

defined( 'ABSPATH' ) || exit;

/**
 * Reads from the call stack which builders run, which ability asked, and which plugin made the call.
 */
final class CallStack {

	private const SDK_BUILDER       = 'WordPress\AiClient\Builders\PromptBuilder';
	private const WORDPRESS_BUILDER = 'WP_AI_Client_Prompt_Builder';
	private const ABILITY           = 'WP_Ability';

	/** @var array<int, array<string, mixed>> Frames, innermost first. */
	private $frames;

	/**
	 * @param array<int, array<string, mixed>> $frames Frames of `debug_backtrace()` with objects.
	 */
	private function __construct( array $frames ) {
		$this->frames = $frames;
	}

	/**
	 * Returns the stack of the caller.
	 */
	public static function now(): self {
		return new self( debug_backtrace( DEBUG_BACKTRACE_PROVIDE_OBJECT | DEBUG_BACKTRACE_IGNORE_ARGS ) ); // phpcs:ignore -- reads who calls.
	}

	/**
	 * Returns whether a builder of the SDK is running.
	 */
	public function runs( object $builder ): bool {
		foreach ( $this->frames as $frame ) {
			if ( ( $frame['object'] ?? null ) === $builder ) {
				return true;
			}
		}
		return false;
	}

	/**
	 * Returns the innermost builder of the SDK.
	 */
	public function sdk_builder(): ?object {
		return $this->nearest( self::SDK_BUILDER );
	}

	/**
	 * Returns the innermost builder of WordPress; null if the SDK was called directly.
	 */
	public function wordpress_builder(): ?object {
		return $this->nearest( self::WORDPRESS_BUILDER );
	}

	/**
	 * Returns the name of the ability that asked; empty without one.
	 */
	public function ability(): string {
		$ability = $this->nearest( self::ABILITY );
		return $ability && method_exists( $ability, 'get_name' ) ? (string) $ability->get_name() : '';
	}

	/**
	 * Returns the folder of the innermost plugin or theme that is not this one; empty if none is found.
	 */
	public function plugin(): string {
		foreach ( $this->frames as $frame ) {
			$name = isset( $frame['file'] ) ? self::owner( (string) $frame['file'] ) : '';
			if ( '' !== $name && self::owner( TOKEN_BRIDGE_FILE ) !== $name ) {
				return $name;
			}
		}
		return '';
	}

	/**
	 * Returns the plugin or theme that a file belongs to; empty for others.
	 */
	private static function owner( string $file ): string {
		$file = wp_normalize_path( $file );
		foreach ( self::folders() as $real => $name ) {
			if ( 0 === strpos( $file, $real . '/' ) ) {
				return $name;
			}
		}
		foreach ( [ WP_PLUGIN_DIR, WPMU_PLUGIN_DIR, get_theme_root() ] as $folder ) {
			$folder = wp_normalize_path( (string) $folder ) . '/';
			if ( 0 === strpos( $file, $folder ) ) {
				return (string) strtok( basename( substr( $file, strlen( $folder ) ) ) === substr( $file, strlen( $folder ) ) ? basename( $file, '.php' ) : substr( $file, strlen( $folder ) ), '/' );
			}
		}
		return '';
	}

	/**
	 * Returns the names of plugins in linked folders by their real paths, which frames show.
	 *
	 * @return array<string, string>
	 */
	private static function folders(): array {
		global $wp_plugin_paths;
		$found = [];
		foreach ( (array) $wp_plugin_paths as $link => $real ) {
			$found[ wp_normalize_path( (string) $real ) ] = basename( (string) $link );
		}
		return $found;
	}

	private function nearest( string $class ): ?object {
		foreach ( $this->frames as $frame ) {
			if ( isset( $frame['object'] ) && is_a( $frame['object'], $class ) ) {
				return $frame['object'];
			}
		}
		return null;
	}
}
