<?php
/**
 * The plugin's menu.
 *
 * @package TokenBridge
 */

namespace TokenBridge\Admin;

use TokenBridge\Feature;

defined( 'ABSPATH' ) || exit;

/**
 * Adds the menu "Token Bridge" with its pages.
 */
final class Menu implements Feature {

	public const SLUG = 'token-bridge';

	/** @var Screen[] */
	private $screens;

	public function __construct( Screen ...$screens ) {
		$this->screens = $screens;
	}

	public function register(): void {
		add_action( 'admin_menu', [ $this, 'add' ] );
		add_action( 'admin_enqueue_scripts', [ $this, 'add_style' ] );
		add_filter( 'plugin_action_links_' . plugin_basename( TOKEN_BRIDGE_FILE ), [ $this, 'add_link' ] );
	}

	/**
	 * Adds the pages that the person may see; the first of them is the menu's own page.
	 */
	public function add(): void {
		$parent = null;
		foreach ( $this->screens as $screen ) {
			if ( ! current_user_can( $screen->capability() ) ) {
				continue;
			}
			if ( null === $parent ) {
				$parent = $screen->slug();
				add_menu_page( 'Token Bridge', 'Token Bridge', $screen->capability(), $parent, [ $screen, 'render' ], 'dashicons-chart-bar', 56 );
			}
			add_submenu_page( $parent, $screen->title(), $screen->title(), $screen->capability(), $screen->slug(), [ $screen, 'render' ] );
		}
	}

	/**
	 * Adds the stylesheet to the pages of the plugin, and to no other.
	 */
	public function add_style( string $page ): void {
		if ( false !== strpos( $page, 'token-bridge' ) ) {
			wp_enqueue_style( 'token-bridge-admin', plugins_url( 'assets/admin.css', TOKEN_BRIDGE_FILE ), [], TOKEN_BRIDGE_VERSION );
		}
	}

	/**
	 * Adds "Connect" to the plugin's line on the page Plugins.
	 *
	 * @param array<int|string, string> $links The links.
	 * @return array<int|string, string>
	 */
	public function add_link( array $links ): array {
		$link = '<a href="' . esc_url( self::url( ConnectScreen::SLUG ) ) . '">' . esc_html__( 'Connect', 'token-bridge' ) . '</a>';
		return array_merge( [ $link ], $links );
	}

	/**
	 * Returns the address of one of the pages.
	 */
	public static function url( string $slug ): string {
		return admin_url( 'admin.php?page=' . rawurlencode( $slug ) );
	}
}
